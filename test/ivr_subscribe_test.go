package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// subscribes sends a SUBSCRIBE to messages, with whatever headers are more.
func (d *dialog) subscribes(expires string, more ...string) message {
	d.ua.t.Helper()
	return d.send("SUBSCRIBE", "", append([]string{"Event: message-summary", "Expires: " + expires, "Accept: application/simple-message-summary"}, more...)...)
}

// isNotified takes a NOTIFY in the dialog.
func (d *dialog) isNotified(state, counts string) {
	d.ua.t.Helper()
	note := d.ua.request("NOTIFY")
	d.ua.reply(note, "200 OK", "", "")
	if note.get("Call-ID") != d.callID || tag(note.get("From")) != tag(d.remote) || tag(note.get("To")) != tag(d.local) || note.get("Event") != "message-summary" ||
		!strings.HasPrefix(note.get("Subscription-State"), state) || !strings.Contains(note.body, "Voice-Message: "+counts+"\r\n") {
		d.ua.t.Errorf("not %s of %s:\n%s", counts, state, note.raw)
	}
}

// TestSubscribe: phones subscribe to their messages (RFC 3842, RFC 6665): who may, what he is told at once and when a message is
// left, a refresh, and the end.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	tapes := t.TempDir()
	s, v := menu(t, "voicemail", ", recordings: '"+tapes+"', params: {pin: '1234'}")
	if err := os.Mkdir(filepath.Join(tapes, "alice"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeWAV(t, filepath.Join(tapes, "alice", "a.wav"), note(3000, 0.2))
	call, a := s.dialsMenu(t, v, "alice")
	phone := call.ua
	const alice = "P-Asserted-Identity: <sip:alice@ims.example.org>"

	for _, c := range []struct {
		what, user string
		status     int
		header     string
		headers    []string
	}{
		{"nobody knows who", "*97", 403, "Warning", []string{"Event: message-summary"}},
		{"somebody else's", "alice", 403, "Warning", []string{"Event: message-summary", "P-Asserted-Identity: <sip:eve@ims.example.org>"}},
		{"of another network", "alice", 403, "Warning", []string{"Event: message-summary", "P-Asserted-Identity: <sip:alice@evil.example>"}},
		{"another event", "alice", 489, "Allow-Events", []string{"Event: presence", alice}},
		{"too short", "alice", 423, "Min-Expires", []string{"Event: message-summary", "Expires: 5", alice}},
		{"cannot read it", "alice", 406, "Accept", []string{"Event: message-summary", "Accept: text/plain", alice}},
	} {
		d := phone.dialogTo(c.user)
		if res := phone.answer(d.send("SUBSCRIBE", "", c.headers...), c.status); res.get(c.header) == "" {
			t.Errorf("%s: no %s in\n%s", c.what, c.header, res.raw)
		}
	}

	d := phone.dialogTo("*97")
	first := d.subscribes("600", alice)
	res := phone.answer(first, 200)
	if res.get("Expires") != "600" || tag(res.get("To")) == "" {
		t.Errorf("the answer is\n%s", res.raw)
	}
	d.accept(res)
	d.isNotified("active;expires=", "1/0")
	phone.raw(phone.peer, first.raw)
	eventually(t, patience, "the same answer again", func() bool { return phone.received(res) == 2 })

	a.hears("alice is not here")
	eventually(t, patience, "the recording", func() bool {
		a.say(20, strings.Repeat("\x21", 160))
		got, _ := filepath.Glob(filepath.Join(tapes, "alice", "*"))
		return len(got) == 2
	})
	a.say(300, strings.Repeat("\x21", 160))
	call.hangsUp()
	d.isNotified("active;expires=", "2/0")

	phone.answer(d.subscribes("600"), 200)
	d.isNotified("active;expires=", "2/0")
	if n := s.metric("bifrons_ivr_subscriptions"); n != 1 {
		t.Errorf("%v subscriptions, not 1", n)
	}
	if res := phone.answer(d.subscribes("0"), 200); res.get("Expires") != "0" {
		t.Errorf("the end is answered by\n%s", res.raw)
	}
	d.isNotified("terminated;reason=timeout", "2/0")
	eventually(t, patience, "the end of the subscription", func() bool { return s.metric("bifrons_ivr_subscriptions") == 0 })
	phone.answer(d.subscribes("600"), 481)
	s.ended(hungUp)
}
