package poller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// noKeys is a source that is never asked.
type noKeys struct{}

func (noKeys) FetchKeys(context.Context, []string, Version) (Reading, error) {
	return Reading{}, errors.New("asked")
}

func TestKeysHaveBounds(t *testing.T) {
	split := func(context.Context, []byte) ([]Part, error) { return nil, nil }
	for _, test := range []struct {
		keys Keys
		want string // in the error; empty if there is none
	}{
		{Keys{Source: noKeys{}}, ""},
		{Keys{Source: noKeys{}, Split: split}, ""},
		{Keys{Source: noKeys{}, Split: split, Batch: 1000, Parallel: 256, Absent: 1}, ""},
		{Keys{}, "no Keys.Source"},
		{Keys{Source: noKeys{}, Batch: 2}, "Keys.Batch without Keys.Split"},
		{Keys{Source: noKeys{}, Split: split, Batch: 1001}, "Keys.Batch is 1001, want 1 to 1000"},
		{Keys{Source: noKeys{}, Batch: -1}, "Keys.Batch is -1, want 1 to 1000"},
		{Keys{Source: noKeys{}, Parallel: 257}, "Keys.Parallel is 257, want 1 to 256"},
		{Keys{Source: noKeys{}, Parallel: -1}, "Keys.Parallel is -1, want 1 to 256"},
		{Keys{Source: noKeys{}, Absent: -1}, "Keys.Absent is -1ns, want more than 0"},
	} {
		keys, errs := test.keys.withDefaults()
		err := errors.Join(errs...)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test.keys, err)
		case test.want == "" && (keys.Batch == 0 || keys.Parallel == 0 || keys.Absent == 0):
			t.Errorf("%+v: zeros are left in %+v", test.keys, keys)
		case test.keys.Parallel == 0 && test.want == "" && (keys.Batch != 1 || keys.Parallel != 16 || keys.Absent != 5*time.Minute):
			t.Errorf("the defaults are %+v", keys)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: %v, want %q", test.keys, err, test.want)
		}
	}
}
