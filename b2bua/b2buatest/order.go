package b2buatest

import (
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
)

// originate has the server call somebody.
func (w *World) originate(words []string) {
	var o b2bua.Origination
	for _, word := range words {
		k, v, _ := strings.Cut(word, "=")
		switch k {
		case "side":
			o.Side = v
		case "from":
			o.From = v
		case "to":
			o.To = v
		case "and":
			o.And = v
		case "apps":
			o.Apps = strings.Split(v, ",")
		}
	}
	w.step(func() {
		if _, err := w.Server.Originate(o); err != nil {
			w.fail("%v", err)
		}
	})
}

// order gives the server an order about calls by their numbers.
func (w *World) order(words []string) {
	n := make([]int, 4)
	for i, word := range words[1:] {
		n[i], _ = strconv.Atoi(word)
	}
	ok := false
	w.step(func() {
		switch {
		case words[0] == "move":
			ok = w.Server.Move(uint64(n[0]), n[1], uint64(n[2]), n[3])
		case len(words) == 3:
			ok = w.Server.HangUpLeg(uint64(n[0]), n[1])
		default:
			ok = w.Server.Hangup(uint64(n[0]), "hung up by an operator")
		}
	})
	if !ok && !w.lost {
		w.fail("the order is refused")
	}
}
