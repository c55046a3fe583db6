package natslog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// rootsHeader says how many roots there are up to this one, which shows that one is
// missing.
const rootsHeader = "Pollux-Roots"

// life is one epoch of the JetStream stream.
type life struct {
	js      jetstream.JetStream
	stream  jetstream.Stream
	epoch   string
	created time.Time
	first   uint64 // the sequence of its root
	narrow  bool   // JetStream knows publications for less than hub.OnceLife
	extent  extent // guarded by Log.mu
}

// open returns the present life of the stream. It makes the stream if there is none, and
// begins an epoch if that is new, if messages were purged, or if renew says so. If it has to
// be whole, a root that is missing is errDamaged.
func (l *Log) open(ctx context.Context, renew, whole bool) (*life, error) {
	var stream jetstream.Stream
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		stream, err = l.js.Stream(ctx, l.opts.Name)
		return err
	})
	isNew := errors.Is(err, jetstream.ErrStreamNotFound)
	if isNew {
		stream, err = l.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        l.opts.Name,
			Description: "the timeline of Pollux",
			Subjects:    []string{l.opts.Name + ".>"},
			Storage:     jetstream.FileStorage,
			Replicas:    l.opts.Replicas,
			Discard:     jetstream.DiscardNew,
			AllowDirect: !l.shared, // of several servers only the leader knows the newest message
		})
	}
	if err != nil {
		return nil, fmt.Errorf("natslog: stream %s: %w", l.opts.Name, err)
	}
	if config := stream.CachedInfo().Config; !slices.Contains(config.Subjects, l.opts.Name+".>") {
		return nil, fmt.Errorf("%w than %s.>: %q", errSubjects, l.opts.Name, config.Subjects)
	}
	for {
		one, err := l.look(ctx, stream)
		if err != nil {
			return nil, err
		}
		if one.epoch != "" && !renew {
			return one, nil
		}
		if one.epoch == "" && !isNew && whole {
			return nil, fmt.Errorf("%w: a root is missing", errDamaged)
		}
		if err := l.begin(ctx, one); err != nil {
			return nil, err
		}
		renew, isNew = false, true
	}
}

// checkEnd returns errDamaged if a stream has lost its newest message, which is never
// removed.
func (l *Log) checkEnd(ctx context.Context, one *life) error {
	info, err := l.info(ctx, one)
	if err != nil {
		return err
	}
	waiting, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	last, err := l.newestOf(waiting, one.stream, l.opts.Name+".>")
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("%w: it has no messages", errDamaged)
	case err != nil:
		return fmt.Errorf("natslog: end of stream: %w", err)
	case last.Sequence < info.State.LastSeq:
		return fmt.Errorf("%w: the newest message is %d, and can be read up to %d", errDamaged, info.State.LastSeq, last.Sequence)
	}
	return nil
}

// look returns the life of a stream. Its epoch is empty if another has to begin.
func (l *Log) look(ctx context.Context, stream jetstream.Stream) (*life, error) {
	for {
		one, roots, err := l.lookOnce(ctx, stream)
		if err != nil || one.epoch != "" {
			return one, err
		}
		// Another process may have written a root between the two questions about them.
		if _, again, err := l.roots(ctx, stream); err != nil || again == roots {
			return one, err
		}
	}
}

// roots returns the state of a stream, and how many roots it has.
func (l *Log) roots(ctx context.Context, stream jetstream.Stream) (*jetstream.StreamInfo, uint64, error) {
	root := subject{kind: rootKind}.text(l.opts.Name)
	info, err := l.stateOf(ctx, stream, jetstream.WithSubjectFilter(root))
	if err != nil {
		return nil, 0, fmt.Errorf("natslog: stream %s: %w", l.opts.Name, err)
	}
	return info, info.State.Subjects[root], nil
}

// lookOnce returns the life of a stream, as look does, and how many roots there were before.
func (l *Log) lookOnce(ctx context.Context, stream jetstream.Stream) (*life, uint64, error) {
	root := subject{kind: rootKind}.text(l.opts.Name)
	info, roots, err := l.roots(ctx, stream)
	if err != nil {
		return nil, 0, err
	}
	one := &life{js: l.js, stream: stream, created: info.Created, narrow: info.Config.Duplicates < hub.OnceLife}
	msg, err := l.newestOf(ctx, stream, root)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return one, roots, nil
	case err != nil:
		return nil, 0, fmt.Errorf("natslog: root of stream %s: %w", l.opts.Name, err)
	}
	one.first = msg.Sequence
	_, _, foreign := unseal(l.opts.Name, msg.Subject, msg.Header, msg.Data)
	if foreign != nil || strconv.FormatUint(roots, 10) != msg.Header.Get(rootsHeader) {
		return one, roots, nil //nolint:nilerr // such a root begins nothing
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%d\n", l.opts.Name, msg.Data, info.Created.UnixNano())
	one.epoch = hex.EncodeToString(sum.Sum(nil)[:8])
	return one, roots, nil
}

// begin writes the root of a new epoch, unless somebody else has just done so.
func (l *Log) begin(ctx context.Context, old *life) error {
	root := subject{kind: rootKind}.text(l.opts.Name)
	_, roots, err := l.roots(ctx, old.stream)
	if err != nil {
		return err
	}
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	msg := sealed(root, []byte(hex.EncodeToString(nonce)), old.first)
	msg.Header.Set(rootsHeader, strconv.FormatUint(roots+1, 10))
	_, err = l.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(old.first))
	if err != nil && !isConflict(err) {
		return fmt.Errorf("natslog: root of stream %s: %w", l.opts.Name, err)
	}
	if err == nil {
		l.counters.epochs.Add(1)
	}
	return nil
}

// isConflict reports whether JetStream refused a message because of its predecessor.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
