package session

// speech is the control messages that are still to be said.
//
// While keys are renewed, OpenVPN reads none but those that come inside the TLS
// connection that is new, and acknowledges those in the old one unread. They wait, as
// they do at OpenVPN, until the new one carries messages or is given up. Those that the
// renewal has overtaken are said again.
type speech struct {
	held   []string
	size   int      // bytes in all of them
	unread []string // said under the keys in use, and not known to have come

	// farewell is the last message of the session, "" while it goes on. It is said
	// inside each connection from then on, in the present one at once: what begins to be
	// renewed meanwhile would keep it from being read.
	farewell string
	under    *generation // the last inside whose connection it was said
}

// ended reports whether the last message of the session was given.
func (s *speech) ended() bool { return s.farewell != "" }

func (s *speech) hold(messages []string) {
	s.held = append(s.held, messages...)
	for _, text := range messages {
		s.size += len(text)
	}
}

// overtaken holds back what was said and not read before the keys were renewed.
func (s *speech) overtaken() {
	if len(s.unread) == 0 {
		return
	}
	later := s.held
	s.held, s.size = nil, 0
	s.hold(s.unread)
	s.hold(later)
	s.unread = nil
}

// send queues control messages for the newest TLS connection. Before the first key
// exchange there is none, and they are dropped.
func (c *control) send(messages ...string) {
	c.speech.hold(messages)
	c.speak()
	if c.speech.size > maxUnsent {
		c.fail(errUnsent)
	}
}

// part queues the last message of the session.
func (c *control) part(text string) {
	c.speech.farewell = text
	c.speak()
}

// speak says what can be said now.
func (c *control) speak() {
	g := c.keys.talking()
	if c.keys.renewing() {
		c.speech.overtaken()
	} else {
		c.sayHeld(g)
	}
	if c.speech.ended() && g != c.speech.under {
		c.speech.under = g
		c.say(g, c.speech.farewell)
	}
}

// sayHeld says what waits.
func (c *control) sayHeld(g *generation) {
	s := &c.speech
	if g == nil || g != c.keys.active || g.silent() {
		s.unread = nil
	}
	for _, text := range s.held {
		c.say(g, text)
	}
	if g != nil && g == c.keys.active {
		s.unread = append(s.unread, s.held...)
	}
	s.held, s.size = nil, 0
}

// say writes a message into the TLS connection of a generation, if it is still there.
func (c *control) say(g *generation, text string) {
	if g == nil || g.tls == nil {
		return
	}
	if err := g.tls.Write(append([]byte(text), 0)); err != nil {
		c.giveUp(g, err)
	}
}

// delivered reports whether every control message was acknowledged where the peer reads
// it.
func (c *control) delivered() bool {
	g := c.keys.talking()
	return !c.keys.renewing() && (g == nil || g.silent())
}
