package remote

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// How much a machine may answer to one batch, so that a machine gone mad (or
// taken over) cannot fill our memory.
const (
	maxAnswer = 64 << 20
	maxPieces = 100_000
)

// A piece of an answer: bytes, and the words of the mark that ended them.
type piece struct {
	body  []byte
	words []string
}

// readAnswer reads the pieces of one answer, up to the mark "end". A mark is a
// line that begins with the nonce, which nobody can know before the batch; the
// newline before it belongs to it. It reads no byte beyond the answer but what
// r has buffered.
func readAnswer(r *bufio.Reader, nonce string) ([]piece, error) {
	var pieces []piece
	var body []byte
	total, start := 0, true
	prefix := []byte(nonce + " ")
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		total += len(line)
		if total > maxAnswer || len(pieces) > maxPieces {
			return nil, fmt.Errorf("the machine answers more than %d bytes", maxAnswer)
		}
		if start && err == nil && bytes.HasPrefix(line, prefix) {
			p := piece{body: bytes.TrimSuffix(body, []byte("\n"))}
			for _, word := range bytes.Fields(line[len(prefix):]) {
				p.words = append(p.words, string(word))
			}
			if len(p.words) == 1 && p.words[0] == "end" {
				return pieces, nil
			}
			pieces, body = append(pieces, p), nil
			continue
		}
		body = append(body, line...)
		start = err == nil
	}
}
