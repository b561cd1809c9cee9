package probes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// bodyLimit is how much of a body is read.
const bodyLimit = 1 << 20

// A page is an answer over HTTP.
type page struct {
	status int
	body   []byte
}

// askHTTP gets a URL and compares what comes.
func askHTTP(ctx context.Context, a *attempt) error {
	u, err := a.parse("http", "https")
	if err != nil {
		return err
	}
	client := a.client(a.dial)
	var got page
	err = a.patiently(ctx, func(ctx context.Context) error {
		got, err = a.get(ctx, client, u)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.compare(got); err != nil {
		return err
	}
	a.report("answers with status %d and %d bytes", got.status, len(got.body))
	return nil
}

// client returns a client that connects through dial, each request anew, and
// follows no redirects: the answer of this URL is what counts. It takes no
// proxy from the environment.
func (a *attempt) client(dial dialFunc) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get returns the answer to a request for u. Its errors do not hold u.
func (a *attempt) get(ctx context.Context, client *http.Client, u *url.URL) (page, error) {
	request := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"User-Agent": {"torrust-tracker-deployer"},
	}}).WithContext(ctx)
	answer, err := client.Do(request)
	if err != nil {
		return page{}, a.plain(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit+1))
	if err != nil {
		return page{}, fmt.Errorf("the body ends after %d bytes: %w", len(body), a.plain(err))
	}
	if len(body) > bodyLimit {
		return page{}, fmt.Errorf("the body is longer than %d bytes", bodyLimit)
	}
	return page{answer.StatusCode, body}, nil
}
