package config

import (
	"strconv"
	"strings"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/same"
)

// Constants returns the values that tags name as ${NAME}: defaults and bounds that
// other packages export.
func Constants() map[string]string {
	return map[string]string{
		"listen":              DefaultListen,
		"acme_directory":      pollux.DefaultDirectory,
		"http2":               string(pollux.HTTP2First),
		"http2s":              strings.Join(names(pollux.HTTP2s()), " "),
		"public":              DefaultPublic,
		"sync":                string(embedded.SyncAlways),
		"nats_stream":         natslog.DefaultName,
		"nats_replicas":       strconv.Itoa(natslog.DefaultReplicas),
		"syncs":               strings.Join([]string{string(embedded.SyncAlways), string(embedded.SyncInterval)}, " "),
		"min_secret":          strconv.Itoa(embedded.MinSecret),
		"accesses":            strings.Join([]string{string(pollux.AccessPublic), string(pollux.AccessToken)}, " "),
		"algorithms":          strings.Join(auth.Algorithms(), " "),
		"url":                 httpjson.ExampleURL,
		"history":             strconv.Itoa(hub.DefaultHistory),
		"history_bytes":       strconv.Itoa(hub.DefaultHistoryBytes),
		"history_total_bytes": strconv.Itoa(hub.DefaultTotalHistoryBytes),
		"buffer":              strconv.Itoa(hub.DefaultBuffer),
		"max_buffer":          strconv.Itoa(hub.MaxBuffer),
		"max_views":           strconv.Itoa(fanout.DefaultMaxViews),
		"form_bytes":          strconv.Itoa(fanout.DefaultFormBytes),
		"held_bytes":          strconv.Itoa(fanout.DefaultHeldBytes),
		"min_rate":            strconv.Itoa(fanout.DefaultMinRate),
		"drain":               short(pollux.DefaultDrain),
		"heartbeat":           short(fanout.DefaultHeartbeat),
		"write_timeout":       short(fanout.DefaultWriteTimeout),
		"max_age":             short(fanout.DefaultMaxAge),
		"max_tree":            strconv.Itoa(document.MaxTree),
		"max_document":        strconv.Itoa(httpjson.DefaultMaxBody),
		"every":               short(poller.DefaultEvery),
		"timeout":             short(poller.MaxDefaultTimeout),
		"linger":              short(poller.DefaultLinger),
		"max_wait":            short(poller.DefaultMaxWait),
		"revalidate":          short(poller.DefaultRevalidate),
		"max_ignore":          strconv.Itoa(same.MaxIgnore),
		"replays":             strings.Join(replays(), " "),
		"replay_events":       strconv.Itoa(hub.DefaultReplayEvents),
		"replay_bytes":        strconv.Itoa(hub.DefaultReplayBytes),
		"new_keys":            strconv.Itoa(handlers.DefaultNewKeysPerSecond),
		"key_history":         strconv.Itoa(pollux.KeyHistory),
		"key_history_bytes":   strconv.Itoa(pollux.KeyHistoryBytes),
		"max_keys":            strconv.Itoa(hub.DefaultMaxKeys),
		"idle_bytes":          strconv.Itoa(hub.DefaultIdleBytes),
		"max_batch":           strconv.Itoa(poller.MaxBatch),
		"parallel":            strconv.Itoa(poller.DefaultParallel),
		"max_parallel":        strconv.Itoa(poller.MaxParallel),
		"absent":              short(poller.DefaultAbsent),
		"methods":             strings.Join(httpjson.Methods(), " "),
		"tls_versions":        strings.Join(httpjson.TLSVersions(), " "),
		"token_url":           httpjson.ExampleTokenURL,
		"login_url":           httpjson.ExampleLoginURL,
		"auth_styles":         strings.Join(names(httpjson.AuthStyles()), " "),
		"formats":             strings.Join(names(httpjson.Formats()), " "),
		"hints":               strings.Join(names(httpjson.Hints()), " "),
		"default_hints":       strings.Join(names(httpjson.DefaultHints()), ","),
	}
}

func names[T ~string](words []T) []string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return texts
}

// replays are the words for what a client gets of the documents that it missed.
func replays() []string {
	return []string{hub.ReplayAuto.String(), hub.ReplayAll.String(), hub.ReplayLatest.String()}
}
