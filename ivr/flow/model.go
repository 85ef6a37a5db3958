package flow

import (
	"time"

	"github.com/bifrons/bifrons/ivr/form"
)

// Flow is one application. The tags of the fields are its schema: the key in the file, and what an editor shows for it.
type Flow struct {
	Title       string            `key:"title" doc:"what the application is for, in a few words"`
	Language    Text              `key:"language" doc:"the language of prompts, such as en; a template may choose it by the caller"`
	Languages   []string          `key:"languages" doc:"the languages a caller may have; Accept-Language of his call chooses among them"`
	Voice       string            `key:"voice" doc:"the voice that reads texts"`
	Prompts     string            `key:"prompts" doc:"the folder of recordings, seen from this file; a folder per language may be in it"`
	Zone        string            `key:"zone" doc:"the time zone, such as Europe/Berlin; UTC if it is left out"`
	Early       bool              `key:"early" doc:"play before the call is answered, until a node answers"`
	Start       Ref               `key:"start" doc:"the first node; the first of the file if it is left out"`
	OnError     Ref               `key:"on_error" doc:"where a caller goes when something is broken and the node has no failed"`
	OnHangup    Ref               `key:"on_hangup" doc:"a node to go on with when the caller hangs up; nothing can be played there"`
	OnSubscribe Ref               `key:"on_subscribe" doc:"a node to go on with when a phone subscribes to its messages; nothing can be played there, and message_waiting answers it"`
	Params      []string          `key:"params" doc:"variables that the configuration or another application gives"`
	Vars        []Named[Value]    `key:"vars" each:"var" doc:"variables and their first values"`
	Calendars   []Named[Calendar] `key:"calendars" each:"calendar" doc:"opening hours by name"`
	Defaults    Defaults          `key:"defaults" doc:"what menus and collects have unless they say otherwise"`
	Nodes       []Named[Node]     `key:"nodes" each:"node" required:"yes" doc:"the nodes by name"`
	Subs        []Named[Sub]      `key:"subs" each:"sub" doc:"parts that are used in several places, by name"`

	File    string // where it was read from
	Name    string // of the file, without folder and ending
	Version string // changes with the text
	Tree    *form.Tree
	main    scope
}

// Sub is a part of an application with variables of its own. It ends at a node without next.
type Sub struct {
	Params  []string       `key:"params" doc:"variables that the calling node gives with"`
	Results []string       `key:"results" doc:"variables that the calling node may take into its own"`
	Start   Ref            `key:"start" doc:"the first node; the first written if it is left out"`
	Vars    []Named[Value] `key:"vars" each:"var" doc:"variables and their first values"`
	Nodes   []Named[Node]  `key:"nodes" each:"node" required:"yes" doc:"the nodes by name"`

	scope scope
}

// Named is a value with its key, and where the key stands.
type Named[T any] struct {
	Name  string
	At    form.Place
	Value T
}

// Defaults are settings of nodes that ask for digits.
type Defaults struct {
	Timeout    time.Duration `key:"timeout" doc:"how long the first digit may take"`
	Between    time.Duration `key:"between" doc:"how long the next digit may take"`
	Retries    *int          `key:"retries" doc:"how often a caller is asked again"`
	Terminator *string       `key:"terminator" doc:"the key that ends an input"`
	BargeIn    *bool         `key:"barge_in" doc:"a key stops the prompt"`
	NoInput    []Reaction    `key:"no_input" doc:"what happens when nothing was pressed; one for each attempt"`
	NoMatch    []Reaction    `key:"no_match" doc:"what happens when something else was pressed; one for each attempt"`
	Failed     *Reaction     `key:"failed" doc:"what happens when all attempts are used up"`
}

// Calendar says when somebody is there.
type Calendar struct {
	Zone     string         `key:"zone" doc:"the time zone, if it is not that of the application"`
	Open     []Named[Hours] `key:"open" each:"day" required:"yes" doc:"hours by day: mon, mon-fri, daily"`
	Holidays []Day          `key:"holidays" doc:"days that are holidays: 2026-12-25, 12-25 for every year, 2026-12-24..2026-12-31, easter+1"`
	Special  []Named[Hours] `key:"special" each:"day" doc:"hours of single days, also closed"`
}

// Node is one step of an application. Which fields belong together says Kinds.
type Node struct {
	Title string `key:"title" doc:"a few words for the drawing"`

	Play []Sound `key:"play" doc:"what the caller hears: prompts by name, files, tones"`
	Say  []Say   `key:"say" doc:"what the caller hears: a text that is read to him, or a text for each language"`

	Menu           []Named[Ref]    `key:"menu" each:"key" doc:"the node for each key; X stands for any digit, [2-4] for some"`
	Collect        Name            `key:"collect" doc:"the variable that gets the digits"`
	Record         Name            `key:"record" doc:"the variable that gets the recording: its file, seconds and size"`
	Dial           []Text          `key:"dial" doc:"whom to call: a SIP or tel URI, or a number; several ring in turn or together"`
	Hours          Name            `key:"hours" doc:"the calendar to look at"`
	Lookup         *Lookup         `key:"lookup" doc:"what to ask a source of data for"`
	Set            []Named[Value]  `key:"set" each:"var" doc:"variables and their new values"`
	If             []Case          `key:"if" doc:"a condition, or a list of conditions of which the first that holds counts"`
	Goto           Ref             `key:"goto" doc:"the node to go on with"`
	Sub            Name            `key:"sub" doc:"the sub to walk through"`
	Hook           Text            `key:"hook" doc:"the address that is told of the call over HTTP, and may answer"`
	Conference     Text            `key:"conference" doc:"the name of the room to enter"`
	MessageWaiting *MessageWaiting `key:"message_waiting" doc:"tell a phone of the messages in its mailbox"`
	Answer         bool            `key:"answer" doc:"answer the call now"`
	Leave          bool            `key:"leave" doc:"leave the menu: the call goes on as if it had not been there"`
	Hangup         Cause           `key:"hangup" doc:"end the call: normal, busy, not_found ... or a SIP status"`
	Delete         Text            `key:"delete" doc:"a recording of the folder of recordings that is deleted"`
	Move           Text            `key:"move" doc:"a recording of the folder of recordings that is moved"`

	BargeIn *bool `key:"barge_in" doc:"a key stops the prompt"`
	Repeat  Text  `key:"repeat" doc:"how often the prompt is played again; -1 until the caller hangs up"`
	Gap     Text  `key:"gap" doc:"silence between repeats, such as 500ms"`
	Limit   Text  `key:"limit" doc:"how long the prompt is played at most, with all its repeats"`

	Min        *int          `key:"min" doc:"how many digits there are at least"`
	Max        int           `key:"max" doc:"how many digits there are at most; the input ends with the last"`
	Terminator *string       `key:"terminator" doc:"the key that ends an input"`
	Timeout    time.Duration `key:"timeout" doc:"how long the first digit, the callee or the other end may take"`
	Between    time.Duration `key:"between" doc:"how long the next digit may take"`
	TypeAhead  *bool         `key:"type_ahead" doc:"keys that were pressed before the question count"`
	Validate   Expr          `key:"validate" doc:"what must hold for the digits, else they are no match"`
	Retries    *int          `key:"retries" doc:"how often a caller is asked again, or a request is made again"`

	To        Text          `key:"to" doc:"the file that is written, seen from the folder of recordings; with a / at its end a folder"`
	MaxLength time.Duration `key:"max_length" doc:"the longest recording"`
	MinLength time.Duration `key:"min_length" doc:"a shorter recording is none"`
	Silence   time.Duration `key:"silence" doc:"how long a silence ends the recording"`
	Beep      *bool         `key:"beep" doc:"a tone before the recording"`

	Side    Name    `key:"side" doc:"the side the call leaves on, if the routes do not say"`
	NextHop Text    `key:"next_hop" doc:"the address the call goes to, if the routes do not say"`
	Order   Order   `key:"order" doc:"how several ring: in turn, or together"`
	Whisper []Say   `key:"whisper" doc:"what the callee hears before the two are connected"`
	Accept  *Accept `key:"accept" doc:"the callee must press a key to take the call"`

	Into    Name           `key:"into" doc:"the variable that gets the answer"`
	With    []Named[Value] `key:"with" each:"param" doc:"parameters of the sub"`
	Take    []Named[Name]  `key:"take" each:"var" doc:"variables here, each with the result of the sub that it gets"`
	Method  Name           `key:"method" doc:"the HTTP method, POST if it is left out"`
	Headers []Named[Text]  `key:"headers" each:"header" doc:"HTTP headers"`
	Body    Value          `key:"body" doc:"what is sent as JSON; the call and the variables if it is left out"`
	Wait    time.Duration  `key:"wait" doc:"the pause before a request is made again"`
	Exit    string         `key:"exit" doc:"the key that leaves the room"`

	Reason Text `key:"reason" doc:"a text for the other end and for the record"`

	Open     Ref `key:"open" doc:"while it is open"`
	Closed   Ref `key:"closed" doc:"while it is closed"`
	Holiday  Ref `key:"holiday" doc:"on a holiday; as closed if it is left out"`
	Then     Ref `key:"then" doc:"if the condition holds"`
	Else     Ref `key:"else" doc:"if no condition holds"`
	NotFound Ref `key:"not_found" doc:"when the source has nothing"`
	Busy     Ref `key:"busy" doc:"when the callee is busy"`
	NoAnswer Ref `key:"no_answer" doc:"when nobody answers or takes the call"`

	NoInput []Reaction `key:"no_input" doc:"what happens when nothing was pressed; one for each attempt"`
	NoMatch []Reaction `key:"no_match" doc:"what happens when something else was pressed; one for each attempt"`
	Failed  *Reaction  `key:"failed" doc:"what happens when it did not work, or all attempts are used up"`
	Next    Ref        `key:"next" doc:"the node to go on with; without it the application or the sub ends here"`

	Kind Kind `key:"-"`
}

// Reaction is a prompt and where to go: a name alone is a node.
type Reaction struct {
	Play []Sound `key:"play" doc:"what the caller hears: prompts by name, files, tones"`
	Say  []Say   `key:"say" doc:"what the caller hears: a text, or a text for each language"`
	Next Ref     `key:"next" short:"yes" doc:"the node to go on with"`
}

// Sound is one thing that is heard: a name alone is a prompt.
type Sound struct {
	Prompt   Text          `key:"prompt" short:"yes" doc:"a recording by its name, without ending"`
	File     Text          `key:"file" doc:"a recording by its file or URL"`
	Say      Say           `key:"say" doc:"a text that is read, or a text for each language"`
	Tone     Text          `key:"tone" doc:"a tone: its name, or frequencies and times such as 425/500,0/500"`
	Digits   Text          `key:"digits" doc:"digits that are read one by one"`
	Number   Text          `key:"number" doc:"a number that is read"`
	Money    Text          `key:"money" doc:"an amount that is read, such as 12.50"`
	Currency Text          `key:"currency" doc:"the currency of money: EUR if it is left out, USD, GBP, CHF"`
	Date     Text          `key:"date" doc:"a date that is read: 2026-12-31, or 12-31 without its year"`
	Time     Text          `key:"time" doc:"a time of day that is read: 21:00"`
	Spell    Text          `key:"spell" doc:"a word that is spelled"`
	Silence  time.Duration `key:"silence" doc:"a pause"`
	Language Text          `key:"language" doc:"the language of this alone"`
	Voice    string        `key:"voice" doc:"the voice of this alone"`
	BargeIn  *bool         `key:"barge_in" doc:"a key stops it; without it, it is heard to its end"`

	At form.Place `key:"-"`
}

// Say is a text to be read, perhaps one for each language.
type Say struct {
	Text Text
	In   []Named[Text]
}

// Case is one condition of an if: an expression alone goes with then.
type Case struct {
	When Expr `key:"when" short:"yes" required:"yes" doc:"a condition"`
	Next Ref  `key:"next" doc:"the node to go on with"`
}

// Lookup names one source and what to ask it for.
type Lookup struct {
	Sh        Text          `key:"sh" doc:"a public identity or number that is looked up in the sources of subscribers"`
	LDAP      Text          `key:"ldap" doc:"as sh; the source named ldap answers"`
	HTTP      Text          `key:"http" doc:"an address that answers with JSON"`
	File      Text          `key:"file" doc:"a YAML, JSON or CSV file, seen from this file"`
	Key       Text          `key:"key" doc:"the key or first column in the file"`
	Folder    Text          `key:"folder" doc:"a folder whose recordings are listed, seen from the folder of recordings"`
	Recording Text          `key:"recording" doc:"a recording by its file or URL: is it there?"`
	Headers   []Named[Text] `key:"headers" each:"header" doc:"HTTP headers"`
}

// MessageWaiting is a message summary (RFC 3842).
type MessageWaiting struct {
	To        Text `key:"to" required:"yes" doc:"the phone that is told: a SIP URI"`
	Account   Text `key:"account" doc:"the mailbox: a SIP URI that reaches it"`
	New       Text `key:"new" required:"yes" doc:"how many messages are new"`
	Old       Text `key:"old" doc:"how many are old"`
	Urgent    Text `key:"urgent" doc:"how many of the new ones are urgent"`
	OldUrgent Text `key:"old_urgent" doc:"how many of the old ones are urgent"`
}

// Accept is what a callee must do to take a call.
type Accept struct {
	Key     string        `key:"key" short:"yes" required:"yes" doc:"the key"`
	Play    []Sound       `key:"play" doc:"what the callee hears"`
	Say     []Say         `key:"say" doc:"what the callee hears"`
	Timeout time.Duration `key:"timeout" doc:"how long he may take; 10s if it is left out"`
}
