// Package ladder draws the messages of a call as a ladder: the caller on the left, Bifrons in the middle, the other parties
// on the right, time downwards.
package ladder
