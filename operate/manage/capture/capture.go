// Package capture writes packets as they are at one place of a running process
// in the pcapng format, which Wireshark and tcpdump read.
package capture

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"culvert/operate/backend/watch"
	"culvert/operate/manage/api"
	"culvert/operate/manage/filter"
)

// Source is a place where packets can be captured.
type Source struct {
	// Name and Description are what the file calls it.
	Name, Description string
	Link              filter.Link
	// Open has each packet that a filter chooses handed to keep, until stop is
	// called. Keep may be called by several goroutines, and never waits.
	Open func(f *filter.Filter, keep func(Record)) (stop func())
}

// Record is a packet.
type Record struct {
	Time    time.Time
	Bytes   []byte // for keep to keep
	Inbound bool
	Comment string // "" for none

	outer *outer // has Bytes as its payload
}

// Path is where a process is asked for a file. It ends when the asking side has closed
// its half of the connection, or has count packets. Trailers tell how many packets it has,
// and how many it lacks because the reader was too slow.
const (
	Path         = "/v1/capture"
	PacketsField = "Culvert-Packets"
	LostField    = "Culvert-Lost"
)

// asked is what Path is asked with.
type asked struct {
	At     string `query:"at" maxLength:"300" doc:"the place: nic, link, or hub:PORT"`
	Filter string `query:"filter" maxLength:"4096" doc:"which packets of the place, in tcpdump's syntax"`
	Count  uint64 `query:"count" minimum:"1" doc:"end after so many packets"`
}

const pcapng = "application/x-pcapng"

// Add adds the operation for the places that find knows; its error says which there are.
func Add(a *api.API, find func(at string) (*Source, error)) {
	api.Handle(a, api.Op{Method: http.MethodGet, Path: Path, Group: "packets", Scope: api.Operate, Summary: "Packets at one place, as a file for Wireshark", Type: pcapng, Errors: []api.Kind{api.NotFound},
		Doc: "The trailers " + PacketsField + " and " + LostField + " say how many packets the file has, and how many it lacks because the reader was too slow."},
		func(w http.ResponseWriter, r *http.Request, in *asked) error {
			source, err := find(in.At)
			if err != nil {
				return api.NotFound.Error(err.Error(), "")
			}
			f, err := filter.Parse(in.Filter, source.Link)
			if err != nil {
				return api.BadRequest.Error(err.Error(), "")
			}
			var q watch.Queue[Record]
			defer source.Open(f, func(p Record) { q.Push(p, len(p.Bytes)+overhead) })()
			w.Header().Set("Trailer", PacketsField+", "+LostField)
			w.Header().Set("Content-Type", pcapng)
			packets, _ := source.write(r.Context(), w, &q, in.Filter, in.Count)
			w.Header().Set(PacketsField, strconv.FormatUint(packets, 10))
			w.Header().Set(LostField, strconv.FormatUint(q.Lost(), 10))
			return nil
		})
}

// overhead is what a record takes beside its bytes, about.
const overhead = 300

// write makes the file, and returns how many packets it has.
func (s *Source) write(ctx context.Context, w http.ResponseWriter, q *watch.Queue[Record], expression string, count uint64) (packets uint64, err error) {
	file, err := s.begin(w, expression)
	if err != nil {
		return 0, err
	}
	var streams streams
	began := time.Now()
	for count == 0 || packets < count {
		if err := flush(file, w); err != nil {
			return packets, err
		}
		list := q.Next(ctx)
		if list == nil {
			break
		}
		slices.SortStableFunc(list, func(a, b Record) int { return a.Time.Compare(b.Time) })
		for _, p := range list {
			if count > 0 && packets == count {
				break
			}
			if err := add(file, p, &streams); err != nil {
				return packets, err
			}
			packets++
		}
	}
	file.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{LastUpdate: time.Now(), StartTime: began, EndTime: time.Now(),
		PacketsReceived: packets + q.Lost(), PacketsDropped: q.Lost()})
	return packets, flush(file, w)
}

func flush(file *pcapgo.NgWriter, w http.ResponseWriter) error {
	if err := file.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// begin writes the headers of section and interface.
func (s *Source) begin(w io.Writer, expression string) (*pcapgo.NgWriter, error) {
	link := layers.LinkTypeRaw
	if s.Link == filter.Ethernet {
		link = layers.LinkTypeEthernet
	}
	return pcapgo.NewNgWriterInterface(w,
		pcapgo.NgInterface{Name: s.Name, Description: s.Description, Filter: expression, LinkType: link},
		pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "culvert"}})
}

func add(file *pcapgo.NgWriter, p Record, streams *streams) error {
	if p.outer != nil {
		p.Bytes = p.outer.packet(p.Bytes, streams)
	}
	direction := pcapgo.NgEpbFlagDirectionOutbound
	if p.Inbound {
		direction = pcapgo.NgEpbFlagDirectionInbound
	}
	o := pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}}
	if p.Comment != "" {
		o.Comments = []string{p.Comment}
	}
	return file.WritePacketWithOptions(gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(p.Bytes), Length: len(p.Bytes)}, p.Bytes, o)
}
