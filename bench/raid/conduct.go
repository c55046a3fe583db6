package raid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/stat"
	"github.com/polluxhub/pollux/bench/subject"
)

// token guards nothing: the server listens on the loopback interface, for this run.
const token = "raid"

// memoryLimit is what the server may use while clients do not read large events.
const memoryLimit = 256 << 20

// Options say what is done.
type Options struct {
	Root    string        // of the Pollux repository
	Self    string        // this program, which raids when it is called with "raid"
	Readers int           // clients that mean no harm
	Pace    time.Duration // between two documents
	Rounds  int           // how many times the raid is made
	Time    time.Duration // of each part: without the raid, and with it
	Divide  int           // raids are smaller by this factor, for a short run
	Log     func(format string, args ...any)
}

// Row is what came of one raid.
type Row struct {
	Raid
	Connections int

	Without   float64 // 99th percentile of the readers in the median of the rounds, in milliseconds
	With      float64 // and during the raid
	Answer    float64 // 99th percentile of the answers to publishes meanwhile, each on a new connection
	Published int
	Lost      int // documents that readers did not get
	Ended     int // connections of readers that ended
	Repeated  int // publishes that were tried again, because the server closed the connection

	Seen        Plain
	Memory      int64 // the most that the server used, in bytes
	Descriptors int   // the most that it had
	Alive       bool  // it answered in the end, and ended with status 0
	Failure     string
}

// Ratio is how much longer documents took during the raid.
func (r Row) Ratio() float64 { return r.With / r.Without }

// OK tells whether readers and server have survived.
func (r Row) OK() bool {
	return r.Alive && r.Failure == "" && r.Lost == 0 && r.Ended == 0 && (r.Name != "stalled" || r.Memory <= memoryLimit)
}

// Conduct makes the raids, one after the other, each on a server of its own.
func Conduct(ctx context.Context, o Options, raids []Raid) (rows []Row, err error) {
	dir, err := os.MkdirTemp("", "pollux-raid-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	o.Log("building")
	server, err := subject.New(ctx, o.Root, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	// The server has the first core for itself. The clients that mean no harm have the last
	// one, and a raid what they leave of it: attackers do not run on the machines of clients.
	if err := proc.StayOn(cores[len(cores)-1]); err != nil {
		return nil, err
	}
	for _, r := range raids {
		c := &conductor{Options: o, server: server, dir: dir, cores: cores, row: Row{Raid: r, Connections: max(1, r.Count/o.Divide)}}
		if err := c.conduct(ctx); err != nil {
			if ctx.Err() != nil {
				return rows, ctx.Err()
			}
			c.row.Failure = err.Error()
			_, _ = server.Stop(15 * time.Second) // the row has failed already
		}
		rows = append(rows, c.row)
	}
	return rows, nil
}

// conductor is a raid that is under way.
type conductor struct {
	Options
	server         *subject.Server
	dir            string
	cores          []int
	row            Row
	address, admin string
	readers        *readers
	http           *http.Client
	next           int
}

func (c *conductor) conduct(ctx context.Context) (err error) {
	c.http = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: certificate.Any()}}
	defer c.http.CloseIdleConnections()
	if err := c.start(ctx); err != nil {
		return err
	}
	c.readers = read(ctx, c.address, c.Readers, c.row.TLS)
	defer c.readers.close()
	for begin := time.Now(); c.readers.open.Load() < int64(c.Readers); {
		if time.Since(begin) > time.Minute || ctx.Err() != nil {
			return fmt.Errorf("only %d of %d readers are there", c.readers.open.Load(), c.Readers)
		}
		time.Sleep(10 * time.Millisecond)
	}
	without, with := make([]float64, c.Rounds), make([]float64, c.Rounds)
	calm := "" // what a raid is compared with
	if c.row.Name == "gzip" {
		calm = plainFleet // the same number of clients
	}
	for round := range c.Rounds {
		c.Log("%s: round %d, without", c.row.Name, round+1)
		var err error
		if without[round], err = c.part(ctx, calm, false); err != nil {
			return err
		}
		c.Log("%s: round %d, %d connections", c.row.Name, round+1, c.row.Connections)
		if with[round], err = c.part(ctx, c.row.Name, true); err != nil {
			return err
		}
	}
	c.row.Without, c.row.With = stat.Median(without), stat.Median(with)
	c.row.Ended = int(c.readers.ended.Load())
	resp, err := get(ctx, c.http, url(c.address, c.row.TLS, "/livez"), "application/json")
	if err == nil {
		_ = resp.Body.Close()
	}
	c.readers.close()
	_, ended := c.server.Stop(15 * time.Second)
	c.row.Alive = err == nil && ended == nil
	return nil
}

// part publishes for a while, with a raid or without one, and returns the 99th percentile of
// the readers, in milliseconds.
func (c *conductor) part(ctx context.Context, raid string, watch bool) (late float64, err error) {
	var raider *raider
	if raid != "" {
		if raider, err = c.raid(raid); err != nil {
			return 0, err
		}
		defer raider.kill()
		// Until the connections are there, and the server has done what it does about them.
		time.Sleep(time.Duration(c.row.Connections)*time.Millisecond/2 + 3*time.Second)
	}
	c.readers.take()
	published := 0
	var answers stat.Histogram
	begin := time.Now()
	pace := c.Pace
	if c.row.Name == "gzip" {
		pace = max(pace, 500*time.Millisecond) // there are thousands of clients to be served
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var watched time.Time
	for large := begin; time.Since(begin) < c.Time; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		c.next++
		before := time.Now()
		if err := c.publish(ctx, "default", map[string]int{"n": c.next}); err != nil {
			return 0, err
		}
		answers.Add(time.Since(before).Nanoseconds())
		published++
		if c.row.Name == "stalled" && time.Since(large) > 500*time.Millisecond {
			large = time.Now()
			if err := c.publish(ctx, "large", map[string]any{"n": c.next, "text": strings.Repeat("x", 1<<20)}); err != nil {
				return 0, err
			}
		}
		if watch && time.Since(watched) > 200*time.Millisecond {
			// It takes the core of the readers for some milliseconds, so not while they get the
			// document.
			time.Sleep(pace / 2)
			watched = time.Now()
			if err := c.watch(); err != nil {
				return 0, err
			}
		}
	}
	time.Sleep(time.Second) // the last document may be on its way
	delays, got := c.readers.take()
	c.row.Published += published
	c.row.Lost += published*c.Readers - got
	if watch {
		c.row.Answer = max(c.row.Answer, answers.Quantile(0.99)/1e6)
	}
	if raider != nil {
		seen, err := raider.end()
		if err != nil {
			return 0, err
		}
		if watch {
			c.row.Seen.add(seen)
		}
		time.Sleep(2 * time.Second) // until the server has closed what it had
	}
	return delays.Quantile(0.99) / 1e6, nil
}

// start starts the server for the raid.
func (c *conductor) start(ctx context.Context) (err error) {
	if c.address, err = subject.FreeAddress(ctx); err != nil {
		return err
	}
	if c.admin, err = subject.FreeAddress(ctx); err != nil {
		return err
	}
	config := fmt.Sprintf("listen: %s\nadmin_listen: %s\nlog_level: error\nmax_document: 2097152\npublish_token: %s\n"+
		"streams:\n  - name: default\n    push: true\n  - name: large\n    push: true\n", c.address, c.admin, token)
	if c.row.TLS {
		if err := certificate.Write(c.dir); err != nil {
			return err
		}
		config += fmt.Sprintf("tls_cert_file: %s\ntls_key_file: %s\n", filepath.Join(c.dir, certificate.CertFile), filepath.Join(c.dir, certificate.KeyFile))
	}
	if err := c.server.Configure(config); err != nil {
		return err
	}
	var variables []string
	if c.row.Name == "stalled" {
		variables = []string{"GOMEMLIMIT=" + strconv.Itoa(memoryLimit)}
	}
	return c.server.Start(ctx, c.cores[0], func() error {
		resp, err := get(ctx, c.http, url(c.address, c.row.TLS, "/readyz"), "application/json")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}, variables...)
}

// publish publishes a document, on a connection of its own: an idle one is the first to be
// closed while a server has too many. A server that is full may close a new one as well,
// so this is tried again for some seconds, and counted.
func (c *conductor) publish(ctx context.Context, stream string, content any) error {
	const patience = 20 * time.Second
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := c.post(ctx, stream, content)
		if err == nil || ctx.Err() != nil || time.Since(begin) > patience {
			return err
		}
		c.row.Repeated++
	}
}

func (c *conductor) post(ctx context.Context, stream string, content any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		url(c.address, c.row.TLS, "/api/streams/"+stream+"/events"), strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("publishing: %s: %.200s", resp.Status, text)
	}
	return err
}

// watch looks at what the server uses.
func (c *conductor) watch() error {
	memory, err := c.server.Processes().Memory()
	if err != nil {
		return err
	}
	descriptors, err := c.server.Processes().Descriptors()
	c.row.Memory, c.row.Descriptors = max(c.row.Memory, memory.Pss), max(c.row.Descriptors, descriptors)
	return err
}

// raider is a raid in a process of its own.
type raider struct {
	cmd *exec.Cmd
	in  io.Closer
	out io.Reader
}

func (c *conductor) raid(name string) (*raider, error) {
	cmd := exec.Command(c.Self, "raid", name, c.address, strconv.Itoa(c.row.Connections)) //nolint:gosec,noctx // end ends it
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &raider{cmd, in, out}, proc.StartIdleOn(c.cores[len(c.cores)-1], cmd)
}

// end ends the raid and returns what it has seen.
func (r *raider) end() (seen Plain, err error) {
	if err := r.in.Close(); err != nil {
		return seen, err
	}
	if err := json.NewDecoder(r.out).Decode(&seen); err != nil {
		return seen, fmt.Errorf("raid: %w", err)
	}
	return seen, nil
}

func (r *raider) kill() {
	_ = r.cmd.Process.Kill() // it has told what it has seen
	_ = r.cmd.Wait()
}

// Report is the rows in Markdown.
func Report(rows []Row, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d readers, a document every %v, %v without and %v with the raid, medians of %d rounds. The goal is at most 1.1 times.\n\n", o.Readers, o.Pace, o.Time, o.Time, o.Rounds)
	b.WriteString("| raid | connections | made | closed by the server | 99th percentile without, ms | with | × | new connection answered, 99th, ms | lost | readers cut | publishes repeated | most memory, MB | most descriptors | alive |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, r := range rows {
		alive := "yes"
		if !r.Alive {
			alive = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.2f | %.2f | %.2f | %.1f | %d of %d | %d | %d | %.1f | %d | %s |\n", r.Title, r.Connections, r.Seen.Opened, r.Seen.Closed,
			r.Without, r.With, r.Ratio(), r.Answer, r.Lost, r.Published*o.Readers, r.Ended, r.Repeated, float64(r.Memory)/1e6, r.Descriptors, alive)
	}
	for _, r := range rows {
		if r.Failure != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", r.Title, r.Failure)
		}
	}
	return b.String()
}
