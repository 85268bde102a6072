package policy

// Check compiles a file, and says what is wrong with it by what is known: names that nobody
// has, tests that fail, and tests that cannot be asked.
func Check(f *File, place Place, known Directory) (p *Policy, faults []error) {
	p = Compile(f, place)
	for _, fault := range f.Unknown(known) {
		faults = append(faults, fault)
	}
	failed, unasked := p.Test(known)
	for _, fault := range append(failed, unasked...) {
		faults = append(faults, fault)
	}
	return p, faults
}

// AskText answers a question as it is written, such as "can alice reach 10.1.2.3:443?".
func (p *Policy) AskText(text string, known Directory) (Answer, error) {
	q, err := ParseQuestion(text)
	if err != nil {
		return Answer{}, err
	}
	return p.Ask(q, known)
}
