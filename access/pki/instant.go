package pki

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var errInstant = errors.New("invalid date: expected UTCTime or GeneralizedTime")

// readInstant reads a date of a certificate or revocation list from der. Besides
// what DER allows, it accepts what X.680 allows (sections 46 and 47) and old
// authorities wrote: no seconds, fractions, an offset instead of Z, or no zone at
// all, which it takes for UTC.
func readInstant(der *cryptobyte.String) (time.Time, error) {
	var text cryptobyte.String
	switch {
	case der.PeekASN1Tag(asn1.UTCTime) && der.ReadASN1(&text, asn1.UTCTime):
		return parseInstant(string(text), "060102")
	case der.PeekASN1Tag(asn1.GeneralizedTime) && der.ReadASN1(&text, asn1.GeneralizedTime):
		return parseInstant(string(text), "20060102")
	}
	return time.Time{}, errInstant
}

func parseInstant(text, day string) (time.Time, error) {
	rest, zone := cutZone(text)
	rest, _, _ = strings.Cut(rest, ".")
	for _, clock := range []string{"150405", "1504", "15"} {
		if len(rest) != len(day)+len(clock) || clock == "15" && len(day) == 6 {
			continue
		}
		t, err := time.Parse(day+clock+"-0700", rest+zone)
		if err != nil {
			return t, errInstant
		}
		t = t.UTC()
		if len(day) == 6 && t.Year() >= 2050 { // RFC 5280, section 4.1.2.5.1
			t = t.AddDate(-100, 0, 0)
		}
		return t, nil
	}
	return time.Time{}, errInstant
}

// cutZone takes the zone off a date, and returns it as an offset.
func cutZone(text string) (rest, offset string) {
	if rest, ok := strings.CutSuffix(text, "Z"); ok {
		return rest, "+0000"
	}
	if i := strings.LastIndexAny(text, "+-"); i >= 0 {
		offset = text[i:]
		if len(offset) == 3 {
			offset += "00"
		}
		return text[:i], offset
	}
	return text, "+0000"
}

// unusualInstant reports whether the next element of der is a date that DER
// does not allow.
func unusualInstant(der cryptobyte.String) bool {
	var t time.Time
	if der.PeekASN1Tag(asn1.UTCTime) {
		return !der.ReadASN1UTCTime(&t)
	}
	return !der.ReadASN1GeneralizedTime(&t)
}
