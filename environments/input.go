package environments

import (
	"encoding/json"
	"unicode/utf8"
)

// An Input is a file of the project, or the outputs of a task.
type Input struct {
	Path string // relative to the project root; its bytes need not be UTF-8
	Task string // name of a task whose outputs are meant
}

// inputJSON is an Input in JSON, which has no text that is not UTF-8.
type inputJSON struct {
	Path  string `json:"path,omitempty"`
	Bytes []byte `json:"bytes,omitempty"` // of a path that is not UTF-8
	Task  string `json:"task,omitempty"`
}

// MarshalJSON writes {"path": …}, {"task": …}, or {"bytes": …} in base64 for a
// path that is not UTF-8.
func (i Input) MarshalJSON() ([]byte, error) {
	j := inputJSON{Path: i.Path, Task: i.Task}
	if !utf8.ValidString(i.Path) {
		j.Path, j.Bytes = "", []byte(i.Path)
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (i *Input) UnmarshalJSON(data []byte) error {
	var j inputJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*i = Input{Path: j.Path, Task: j.Task}
	if len(j.Bytes) > 0 {
		i.Path = string(j.Bytes)
	}
	return nil
}
