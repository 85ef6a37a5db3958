package media

func (Play) apply(*Relay)       {}
func (Stop) apply(*Relay)       {}
func (Listen) apply(*Relay)     {}
func (Record) apply(*Relay)     {}
func (Pause) apply(*Relay)      {}
func (StopRecord) apply(*Relay) {}
func (Enter) apply(*Relay)      {}
func (Leave) apply(*Relay)      {}
