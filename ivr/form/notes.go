package form

// comment is one line of comment and where it stands.
type comment struct {
	line int
	text string
}

// attach gives each comment to the entry or item it stands beside or above. What is left goes below the tree. Comments and
// slots are in the order of the file.
func (t *Tree) attach(comments []comment) {
	var slots []slot
	t.slots(&slots)
	next := 0 // the first slot of this line or a later one
	for _, c := range comments {
		for next < len(slots) && slots[next].line < c.line {
			next++
		}
		switch {
		case next == len(slots):
			t.Below = append(t.Below, c.text)
		case slots[next].line == c.line && slots[next].notes.Beside == "":
			slots[next].notes.Beside = c.text
		default:
			slots[next].notes.Above = append(slots[next].notes.Above, c.text)
		}
	}
}

// slot is something a comment may stand at.
type slot struct {
	line  int
	notes *Notes
}

func (t *Tree) slots(out *[]slot) {
	for i := range t.Entries {
		*out = append(*out, slot{t.Entries[i].At.Line, &t.Entries[i].Notes})
		t.Entries[i].Value.slots(out)
	}
	for i := range t.Items {
		*out = append(*out, slot{t.Items[i].Value.At.Line, &t.Items[i].Notes})
		t.Items[i].Value.slots(out)
	}
}
