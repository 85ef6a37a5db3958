package b2bua

import "reflect"

// named is a table from the names of events or effects to a maker of their type.
type named map[string]func() any

// name returns what the table calls the type of v, "" if it is not in it.
func (n named) name(v any) string {
	t := reflect.TypeOf(v)
	for name, empty := range n {
		if reflect.TypeOf(empty()).Elem() == t {
			return name
		}
	}
	return ""
}

// EventName returns the name of an event of the engine, "" for the result of an App's look-up.
func EventName(ev Event) string { return eventTypes.name(ev) }

// EffectName returns the name of an effect, "" for what is none.
func EffectName(e Effect) string { return effectTypes.name(e) }

// NewEffect returns a pointer to an empty effect of that name, to be filled from JSON or a script; nil if there is none.
func NewEffect(name string) any {
	if empty := effectTypes[name]; empty != nil {
		return empty()
	}
	return nil
}
