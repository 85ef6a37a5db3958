package prompt

import (
	"context"
	"errors"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

func (l *Library) say(context.Context, media.Item, codec.Format, int8) (*codec.Clip, error) {
	return nil, errors.New("not yet")
}
