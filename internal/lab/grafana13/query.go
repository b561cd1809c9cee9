package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An ask is a query of POST /api/ds/query.
type ask struct {
	RefID      string               `json:"refId"`
	Datasource struct{ UID string } `json:"datasource"`
	Expr       string               `json:"expr"`
	Instant    bool                 `json:"instant"`
	Range      bool                 `json:"range"`
	IntervalMS int64                `json:"intervalMs"`
}

// query asks Prometheus and puts its answer into data frames.
func (s *server) query(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Queries  []ask
		From, To string
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&given); err != nil || len(given.Queries) == 0 {
		answer(w, http.StatusBadRequest, map[string]any{"message": "no queries found"})
		return
	}
	now := time.Now()
	from, err1 := moment(given.From, now)
	to, err2 := moment(given.To, now)
	if err1 != nil || err2 != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "invalid time range"})
		return
	}
	results, status := map[string]any{}, http.StatusOK
	for _, q := range given.Queries {
		frames, err := s.frames(r.Context(), q, from, to)
		if err != nil {
			results[q.RefID], status = map[string]any{"status": 400, "error": err.Error()}, http.StatusBadRequest
			continue
		}
		results[q.RefID] = map[string]any{"status": 200, "frames": frames}
	}
	answer(w, status, map[string]any{"results": results})
}

// moment reads "now", "now-6h" and milliseconds since 1970.
func moment(s string, now time.Time) (time.Time, error) {
	if rest, ok := strings.CutPrefix(s, "now"); ok {
		if rest == "" {
			return now, nil
		}
		d, err := time.ParseDuration(rest)
		return now.Add(d), err
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms), err
}

func (s *server) frames(ctx context.Context, q ask, from, to time.Time) ([]any, error) {
	d, ok := s.find(q.Datasource.UID, "")
	if !ok {
		return nil, fmt.Errorf("data source not found: %q", q.Datasource.UID)
	}
	path, form := "/api/v1/query", url.Values{"query": {q.Expr}, "time": {seconds(to)}}
	if q.Range || !q.Instant {
		step := max(time.Duration(q.IntervalMS)*time.Millisecond, to.Sub(from)/10000, time.Second)
		path = "/api/v1/query_range"
		form = url.Values{"query": {q.Expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(string(d.URL), "/")+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return decode(response.Body, q.RefID)
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// A sample is a time in seconds and a number in a text.
type sample [2]any

// decode makes a frame of each series of an answer of Prometheus.
func decode(body io.Reader, refID string) ([]any, error) {
	var said struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.NewDecoder(body).Decode(&said); err != nil {
		return nil, err
	}
	if said.Status != "success" {
		return nil, fmt.Errorf("%s", said.Error)
	}
	type series struct {
		Metric map[string]string
		Value  *sample
		Values []sample
	}
	var all []series
	if said.Data.ResultType == "scalar" {
		var v sample
		if err := json.Unmarshal(said.Data.Result, &v); err != nil {
			return nil, err
		}
		all = []series{{Value: &v}}
	} else if err := json.Unmarshal(said.Data.Result, &all); err != nil {
		return nil, err
	}
	frames := []any{}
	for _, one := range all {
		if one.Value != nil {
			one.Values = []sample{*one.Value}
		}
		frame, err := frameOf(one.Metric, one.Values, refID)
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame)
	}
	return frames, nil
}

func frameOf(labels map[string]string, samples []sample, refID string) (any, error) {
	times, values := make([]int64, 0, len(samples)), make([]*float64, 0, len(samples))
	for _, v := range samples {
		at, ok := v[0].(float64)
		number, isText := v[1].(string)
		value, err := strconv.ParseFloat(number, 64)
		if !ok || !isText || err != nil {
			return nil, fmt.Errorf("sample %v is none", v)
		}
		point := &value
		if math.IsNaN(value) || math.IsInf(value, 0) {
			point = nil // JSON has no such numbers
		}
		times, values = append(times, int64(at*1000)), append(values, point)
	}
	return map[string]any{
		"schema": map[string]any{"refId": refID, "fields": []any{
			map[string]any{"name": "Time", "type": "time"},
			map[string]any{"name": "Value", "type": "number", "labels": maps.Clone(labels)},
		}},
		"data": map[string]any{"values": []any{times, values}},
	}, nil
}
