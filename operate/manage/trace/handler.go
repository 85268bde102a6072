package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"

	"culvert/operate/backend/watch"
	"culvert/operate/manage/filter"
)

// Path is where a process is asked for its packets: by GET, with `filter` and
// `count`. The answer is JSON, a Record a line, until the asking side has
// closed its half of the connection, or count packets were told of.
const Path = "/trace"

// Record is a line of the answer: a packet, or at last the end.
type Record struct {
	*Packet
	End *End `json:"end,omitempty"`
}

// End is what there is to say at the end.
type End struct {
	// Lost is how many packets are missing because the reader was too slow.
	Lost uint64 `json:"lost"`
}

// Handler answers for a road with an adapter of that name, whose packets begin as
// link says.
func Handler(eyes *watch.Eyes, adapter string, link filter.Link) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := filter.Parse(r.FormValue("filter"), link)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		count, err := strconv.ParseInt(r.FormValue("count"), 10, 64)
		if r.FormValue("count") != "" && (err != nil || count < 1) {
			http.Error(w, "count: expected a number from 1 on", http.StatusBadRequest)
			return
		}
		t := newTracer(f, adapter, count)
		defer eyes.Add(t)()
		http.NewResponseController(w).Flush()
		t.tell(r.Context(), w, count, func(p *Packet) {
			if p.head != nil {
				p.Summary = summary(p.head, link)
			}
		})
	})
}

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
