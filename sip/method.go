package sip

// Method is a SIP method; the known ones have a number, others are MethodOther and keep their text in the message.
type Method uint8

// The methods Bifrons knows by name.
const (
	MethodOther Method = iota
	INVITE
	ACK
	CANCEL
	BYE
	OPTIONS
	REGISTER
	INFO
	MESSAGE
	PRACK
	UPDATE
	REFER
	SUBSCRIBE
	NOTIFY
	PUBLISH
	numMethods
)

var methodNames = [numMethods]string{"", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "INFO", "MESSAGE",
	"PRACK", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH"}

// String returns the method's name, "" for MethodOther.
func (m Method) String() string { return methodNames[m] }

// MethodOf returns the method of a name; methods are case-sensitive (RFC 3261 7.1).
func MethodOf(name []byte) Method {
	for m := INVITE; m < numMethods; m++ {
		if string(name) == methodNames[m] {
			return m
		}
	}
	return MethodOther
}
