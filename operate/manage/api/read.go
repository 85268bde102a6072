package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxMessage is the most bytes of a message that ReadMessages takes.
const maxMessage = 4 << 20

// ReadMessages reads what Stream sends, and gives each message to tell, until the end of r
// or an error of tell.
func ReadMessages(r io.Reader, tell func(id, event string, data []byte) error) error {
	in := bufio.NewReaderSize(r, 16<<10)
	var id, event string
	var data []byte
	for {
		line, err := readLine(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(line) == 0 {
			if data != nil {
				if err := tell(id, event, bytes.TrimSuffix(data, []byte("\n"))); err != nil {
					return err
				}
			}
			event, data = "", nil
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			if !bytes.ContainsRune(value, 0) {
				id = string(value)
			}
		case "event":
			event = string(value)
		case "data":
			if len(data)+len(value) > maxMessage {
				return errTooLong
			}
			data = append(append(data, value...), '\n')
		}
	}
}

var errTooLong = errors.New("a message is longer than is read")

// readLine reads a line, without its end. A last line without an end is none.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxMessage:
			return nil, errTooLong
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF:
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("reading a message: %w", err)
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}
