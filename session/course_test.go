package session

import (
	"errors"
	"testing"
	"time"
)

// ms are the stages' lengths in milliseconds, -1 for one that did not end.
func ms(c Course) (took [Stages]int) {
	for s := range Stages {
		took[s] = -1
		if d, ended := c.Took(Stage(s)); ended {
			took[s] = int(d.Milliseconds())
		}
	}
	return took
}

// firstCourse is how an end's first handshake went.
func firstCourse(t *testing.T, e *end) Course {
	t.Helper()
	for _, event := range e.events {
		if up, ok := event.(Established); ok {
			return up.Course
		}
	}
	t.Fatal("not established")
	return Course{}
}

// TestCourse: a handshake over a path of 10 ms each way, with a decision that takes 40 ms,
// is told in stages on both sides, as is a renewal.
func TestCourse(t *testing.T) {
	p := newPair(t, path{delay: 10 * time.Millisecond}, nil)
	var waits *Hello
	var since time.Time
	p.admit = func(h *Hello) { waits, since = h, p.now }
	p.meddle = func(e *end) {
		if e == p.server && waits != nil && p.now.Sub(since) >= 40*time.Millisecond {
			p.admitHello(waits, []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet"})
			waits = nil
		}
	}
	began := p.now
	p.run(time.Second*5, func() bool { return waits != nil })
	asked := CourseOf(p.server.Session)
	if asked.Stage() != StageDecision || asked.Over() {
		t.Errorf("while it is decided, the server is at %v", asked.Stage())
	}
	p.pass(45 * time.Millisecond)
	p.turn(p.server)
	p.run(5*time.Second, p.established)

	server := firstCourse(t, p.server)
	if took := ms(server); took[StageAnswer] != 0 || took[StageTLS] != 20 || took[StageKeys] != 0 || took[StageDecision] < 40 || took[StageUp] != 0 {
		t.Errorf("the server's stages took %v", took)
	}
	client := firstCourse(t, p.client)
	if took := ms(client); took[StageAnswer] != 20 || took[StageTLS] != 20 || took[StageKeys] != 20 || took[StageDecision] != -1 || took[StagePush] < 40 {
		t.Errorf("the client's stages took %v", took)
	}
	if !client.Began.Equal(began) || client.Stage() != StageUp || !client.Over() || server.Start(StageTLS) != server.Began {
		t.Errorf("the client began at %v, the server at %v", client.Began, server.Began)
	}

	p.pass(2 * time.Second)
	p.client.control.softReset(p.now)
	p.run(5*time.Second, func() bool {
		_, ok := p.server.events[len(p.server.events)-1].(Rekeyed)
		return ok
	})
	renewed := p.server.events[len(p.server.events)-1].(Rekeyed).Course
	if took := ms(renewed); took[StageTLS] != 40 || took[StageDecision] != -1 || took[StagePush] != -1 || took[StageUp] != 0 {
		t.Errorf("the renewal's stages took %v", took)
	}
	if !renewed.Began.After(server.Ends[StageUp]) || CourseOf(p.server.Session) != renewed {
		t.Error("the renewal is not the handshake that began last")
	}
}

// TestCourseOfFailures: where a handshake stopped is still known when the session has ended.
func TestCourseOfFailures(t *testing.T) {
	p := newPair(t, path{delay: 10 * time.Millisecond}, nil)
	p.admit = func(*Hello) {
		if err := p.server.Refuse(p.now, "no"); err != nil {
			t.Fatal(err)
		}
	}
	p.run(5*time.Second, func() bool { return p.client.Err() != nil })
	server, client := CourseOf(p.server.Session), CourseOf(p.client.Session)
	if server.Stage() != StagePush || client.Stage() != StageDecision {
		t.Errorf("a client that is refused stopped at %v, and at the server at %v", client.Stage(), server.Stage())
	}

	p = newPair(t, path{delay: 10 * time.Millisecond}, nil)
	p.drop = func(from *end, packet []byte) bool { return from == p.server && len(packet) > 100 }
	p.run(2*time.Minute, func() bool { return p.client.Err() != nil })
	p.client.Close()
	if c := CourseOf(p.client.Session); c.Stage() != StageTLS || !errors.As(p.client.Err(), new(*HandshakeError)) {
		t.Errorf("it stopped at %v: %v", c.Stage(), p.client.Err())
	}
}
