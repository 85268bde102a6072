package adopt

import (
	"testing"
)

func TestParseIndex(t *testing.T) {
	entries, faults := ParseIndex([]byte("V\t301231235959Z\t\t01\tunknown\t/C=XX/O=a/b/CN=anna\r\n" +
		"\n" +
		"R\t20601231235959Z\t260102030405Z,superseded\t-4D\tunknown\t/CN=x/emailAddress=x@example.org\n" +
		"E\t680101000000Z\t\tFF\tunknown\t/CN=old\n" +
		"R\t301231235959Z\t\t02\tunknown\t/O=none\n" +
		"X\t301231235959Z\t\t02\tunknown\t/CN=y\n" +
		"V\t30123123595Z\t\t02\tunknown\t/CN=y\n" +
		"V\t301231235959Z\t\t0x02\tunknown\t/CN=y\n" +
		"V 301231235959Z 01"))
	if len(entries) != 4 || len(faults) != 4 {
		t.Fatalf("%d entries, faults %v", len(entries), faults)
	}
	for i, want := range []string{"anna", "x", "old", ""} {
		if got := entries[i].CommonName(); got != want {
			t.Errorf("entry %d: name %q, expected %q", i, got, want)
		}
	}
	if e := entries[1]; !e.Revoked || e.Serial.Int64() != -0x4D || e.Expires.Year() != 2060 || e.RevokedAt.Year() != 2026 {
		t.Errorf("entry: %+v", e)
	}
	if entries[2].Expires.Year() != 1968 {
		t.Errorf("a year of two digits: %v", entries[2].Expires)
	}
	if !entries[3].Revoked {
		t.Error("revoked at no time is still revoked")
	}
	if faults[0].Line != 6 || faults[3].Line != 9 {
		t.Errorf("lines: %v", faults)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte("V\t301231235959Z\t\t01\tunknown\t/CN=anna\n"))
	f.Add([]byte("R\t20601231235959Z\t260102030405Z,superseded\t-4D\tunknown\t/CN=\\xC3\\xB6/x=\n"))
	f.Add([]byte("\t\t\t\t\t\\x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, _ := ParseIndex(text)
		for _, e := range entries {
			if e.Serial == nil || e.Expires.IsZero() && e.Expires.Year() != 1 {
				t.Errorf("%+v", e)
			}
			e.CommonName()
		}
	})
}

func FuzzParsePool(f *testing.F) {
	f.Add([]byte("anna,10.8.0.2,fd00::2\n"))
	f.Add([]byte("# x\nb,,fd00::3\nc,10.8.0.4"))
	f.Add([]byte(",,\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		leases, _ := ParsePool(text)
		for _, l := range leases {
			if l.Name == "" || !l.IPv4.IsValid() && !l.IPv6.IsValid() || l.IPv6.Is4() {
				t.Errorf("%+v", l)
			}
		}
	})
}
