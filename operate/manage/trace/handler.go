package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"culvert/operate/backend/watch"
	"culvert/operate/manage/api"
	"culvert/operate/manage/filter"
)

// Path is where a process is asked for its packets. The answer is JSON, a Record a line,
// until the asking side has closed its half of the connection, or count packets were told of.
const Path = "/v1/trace"

// Record is a line of the answer: a packet, or at last the end.
type Record struct {
	*Packet
	End *End `json:"end,omitempty"`
}

// last is a Record of the end alone, for the document.
type last struct {
	End End `json:"end" doc:"what there is to say at the end: the last line"`
}

// End is what there is to say at the end.
type End struct {
	Lost uint64 `json:"lost" doc:"how many packets are missing because the reader was too slow"`
}

// asked is what Path is asked with.
type asked struct {
	Filter string `query:"filter" maxLength:"4096" doc:"which packets, by what they are inside the tunnel, in tcpdump's syntax"`
	Count  int64  `query:"count" minimum:"1" doc:"end after so many packets"`
}

// Add adds the operation for a road with an adapter of that name, whose packets begin as
// link says.
func Add(a *api.API, eyes *watch.Eyes, adapter string, link filter.Link) {
	api.Handle(a, api.Op{Method: http.MethodGet, Path: Path, Group: "packets", Scope: api.Operate, Summary: "Packets and their way through this process", Type: lines, Lines: []any{Packet{}, last{}},
		Doc: "Lines of JSON, each a packet with its stops, until the asking side closes its half of the connection."},
		func(w http.ResponseWriter, r *http.Request, in *asked) error {
			f, err := filter.Parse(in.Filter, link)
			if err != nil {
				return api.BadRequest.Error(err.Error(), "")
			}
			t := newTracer(f, adapter, in.Count)
			defer eyes.Add(t)()
			w.Header().Set("Content-Type", lines)
			http.NewResponseController(w).Flush()
			t.tell(r.Context(), w, in.Count, func(p *Packet) {
				if p.head != nil {
					p.Summary = summary(p.head, link)
				}
			})
			return nil
		})
}

// lines is the type of an answer of lines of JSON.
const lines = "application/x-ndjson"

// tell writes records until ctx ends or count packets were written.
func (t *tracer) tell(ctx context.Context, w http.ResponseWriter, count int64, finish func(*Packet)) {
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w).Flush
	told := int64(0)
	for count == 0 || told+int64(t.queue.Lost()) < count {
		packets := t.queue.Next(ctx)
		if packets == nil {
			break
		}
		slices.SortFunc(packets, func(a, b *Packet) int { return cmp.Compare(a.Number, b.Number) })
		for _, p := range packets {
			finish(p)
			if out.Encode(Record{Packet: p}) != nil {
				return
			}
			told++
		}
		flush()
	}
	out.Encode(Record{End: &End{Lost: t.queue.Lost()}})
}

// Read gives the records of an answer to tell, and returns the end; it fails
// with io.ErrUnexpectedEOF when the process ended meanwhile.
func Read(r io.Reader, tell func(*Packet) error) (End, error) {
	in := json.NewDecoder(r)
	for {
		var record Record
		if err := in.Decode(&record); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return End{}, err
		}
		if record.End != nil {
			return *record.End, nil
		}
		if record.Packet == nil {
			continue
		}
		if err := tell(record.Packet); err != nil {
			return End{}, err
		}
	}
}
