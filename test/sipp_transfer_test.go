package test

import (
	"testing"
)

// transferring has both sides do what a word says with a REFER.
func transferring(word string) func(*settings) {
	return func(set *settings) { set.Side, set.Policy = ", transfer: "+word, "transparent" }
}

// TestTransferCarried: the REFER goes to the callee, and what he tells of it to the caller: his status, and nothing else.
func TestTransferCarried(t *testing.T) {
	t.Parallel()
	s := start(t, transferring("pass"))
	callee := phone{scenario: "callee-referred.xml"}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-refers.xml", fill: map[string]string{"REFERTO": "<sip:dave@ims.example.org>"}}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.ended(ending{200, "callee"})
	s.left(1)
}

// TestTransferRefused: the REFER is refused, and the call goes on as it was.
func TestTransferRefused(t *testing.T) {
	t.Parallel()
	s := start(t, transferring("reject"))
	callee := phone{scenario: "callee.xml"}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-refer-refused.xml", fill: map[string]string{"REFERTO": "<sip:dave@ims.example.org>"}}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.ended(hungUp)
	s.left(1)
}
