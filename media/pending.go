package media

type seat struct{}
type room struct{}

func (r *Relay) mix(*thread, *room, int64, []delivery) []delivery { return nil }

func (Listen) apply(*Relay)     {}
func (Record) apply(*Relay)     {}
func (Pause) apply(*Relay)      {}
func (StopRecord) apply(*Relay) {}
func (Enter) apply(*Relay)      {}
func (Leave) apply(*Relay)      {}
