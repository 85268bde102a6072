package filter

import "strings"

// Check returns what is wrong with a filter that is given in words, wherever it may
// be applied: to frames or to IP packets.
func Check(words []string) error {
	text := strings.Join(words, " ")
	_, err := Parse(text, Ethernet)
	if err != nil {
		_, err = Parse(text, IP)
	}
	return err
}
