package negotiate

import (
	"testing"
	"time"
)

func TestChallenge(t *testing.T) {
	c, err := ParseChallenge("CRV1:R,E:Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l:Y3Ix:Please enter: token PIN")
	if err != nil {
		t.Fatal(err)
	}
	want := Challenge{State: "Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l", Username: "cr1", Text: "Please enter: token PIN", Answer: true, Echo: true}
	if *c != want {
		t.Errorf("got %+v", *c)
	}
	if got := c.Password("8675309"); got != "CRV1::Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l::8675309" {
		t.Errorf("answered by %q", got)
	}
	for _, bad := range []string{"", "CRV1", "CRV1:R:state:Y3Ix", "CRV1:R:state:*:text", "SCRV1:R:state:Y3Ix:text"} {
		if c, err := ParseChallenge(bad); err == nil {
			t.Errorf("%q became %+v", bad, *c)
		}
	}
}

func TestStaticResponse(t *testing.T) {
	if got := StaticResponse("bar", "8675309"); got != "SCRV1:YmFy:ODY3NTMwOQ==" {
		t.Error(got)
	}
}

func TestInfoPre(t *testing.T) {
	for text, want := range map[string]InfoPre{
		"OPEN_URL:https://sso.example/x?a=b":                         {URL: "https://sso.example/x?a=b"},
		"OPEN_URL:file:///etc/passwd":                                {},
		"OPEN_URL:javascript:alert(1)":                               {},
		"WEB_AUTH::https://sso.example/x":                            {URL: "https://sso.example/x"},
		"WEB_AUTH:hidden,external:http://sso:8080":                   {URL: "http://sso:8080"},
		"WEB_AUTH:proxy=[fd00::1];3128;;,x:https://sso.example:443/": {URL: "https://sso.example:443/"},
		"CR_TEXT:R:Code?":                                            {Challenge: "Code?", Answer: true},
		"CR_TEXT:E,R:\x1b[2JNow":                                     {Challenge: `\x1b[2JNow`, Answer: true, Echo: true},
		"CR_TEXT::Wait":                                              {Challenge: "Wait"},
		"OTHER:x":                                                    {},
	} {
		got := ParseInfoPre(text)
		got.Text = ""
		if got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestAuthPendingAndFailed(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": time.Minute, "timeout 90": 90 * time.Second, "foo bar,timeout 5": 5 * time.Second,
		"timeout 0": time.Minute, "timeout x": time.Minute, "timeout -3": time.Minute,
	} {
		if got := ParseAuthPending(text, time.Minute); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if r := ParseAuthFailed("SESSION: token expired"); !r.SessionOver || r.Temporary || r.Reason != " token expired" {
		t.Errorf("%+v", r)
	}
}
