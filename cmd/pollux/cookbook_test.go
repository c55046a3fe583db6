package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipe is a use of the cookbook.
type recipe struct {
	file string // its configuration
	text string // what follows the configuration
}

// recipes writes the configurations of the cookbook into files. The environment of the
// test then has what they name, and there are files with "content" in the places that
// they name, and an authority in those of ca_file. Each upstream is replaced by the one at a
// URL, if that is not empty, and the private networks that are allowed by its own.
func recipes(t *testing.T, upstream string) []recipe {
	t.Helper()
	page, err := os.ReadFile("../../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	write := func(file, content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "content\n")
	authority := filepath.Join(folder, "ca.pem")
	write(authority, certificateOfTests(t))
	var (
		variable = regexp.MustCompile(`\$\{([A-Z_]+)\}`)
		inFile   = regexp.MustCompile(`(?m)^( *[a-z_]+_file: ).*$`)
		inHeader = regexp.MustCompile(`(?m)^( *header_files:\n *[A-Za-z-]+: ).*$`)
		trusted  = regexp.MustCompile(`(?m)^( *ca_file: ).*$`)
		origin   = regexp.MustCompile(`(?m)^( *(?:- )?url: )https?://[^/]+`)
		network  = regexp.MustCompile(`(?m)^( *allow_private: ).*$`)
	)
	var all []recipe
	for i, text := range strings.Split(string(page), "\n```yaml\n")[1:] {
		configuration, rest, _ := strings.Cut(text, "\n```\n")
		for _, match := range variable.FindAllStringSubmatch(configuration, -1) {
			t.Setenv(match[1], "value")
		}
		configuration = inFile.ReplaceAllString(configuration, "${1}"+secret)
		configuration = inHeader.ReplaceAllString(configuration, "${1}"+secret)
		configuration = trusted.ReplaceAllString(configuration, "${1}"+authority)
		if upstream != "" {
			configuration = origin.ReplaceAllString(configuration, "${1}"+upstream)
			configuration = network.ReplaceAllString(configuration, "${1}[127.0.0.0/8]")
		}
		file := filepath.Join(folder, fmt.Sprintf("use%d.yaml", i+1))
		write(file, configuration)
		all = append(all, recipe{file, rest})
	}
	if uses := strings.Count(string(page), "\n## "); len(all) != uses {
		t.Fatalf("%d configurations in %d uses", len(all), uses)
	}
	return all
}

// certificateOfTests returns the certificate of all servers of package httptest, which is an
// authority.
func certificateOfTests(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// watched returns the path of the address at which the cookbook watches a use.
func (r recipe) watched(t *testing.T) string {
	t.Helper()
	path := regexp.MustCompile(`http://127\.0\.0\.1:3000(/api/sse\?[^'"]+)`).FindStringSubmatch(r.text)
	if path == nil {
		t.Fatal("it names no address")
	}
	return path[1]
}

// Each configuration of the cookbook passes `pollux check`.
func TestCookbookPassesTheCheck(t *testing.T) {
	for i, r := range recipes(t, "") {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			if status := run(t.Context(), nil, []string{"check", r.file}, &stdout, &stderr); status != exitOK {
				t.Error(stderr.String())
			}
		})
	}
}

// The uses with keys work against an upstream of that form, at the address that the
// cookbook gives for them.
func TestCookbookOfKeys(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/quotes", func(w http.ResponseWriter, r *http.Request) {
		var quotes []string
		for symbol := range strings.SplitSeq(r.URL.Query().Get("symbols"), ",") {
			quotes = append(quotes, fmt.Sprintf(`{"symbol": %q, "price": 17.20, "currency": "EUR", "time": 1, "volume": 9}`, symbol))
		}
		if r.Header.Get("X-Api-Key") != "content" {
			quotes = nil
		}
		_, _ = fmt.Fprintf(w, `{"quotes": [%s]}`, strings.Join(quotes, ","))
	})
	mux.HandleFunc("GET /repos/golang/{repository}/actions/runs", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"workflow_runs": [{"id": 1, "name": %q, "head_branch": "main", "status": "queued", "conclusion": null}]}`,
			r.PathValue("repository"))
	})
	mux.HandleFunc("POST /graphql", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := regexp.MustCompile(`"variables": \{"id": "([^"]*)"\}`).FindSubmatch(body)
		if id == nil {
			http.Error(w, string(body), http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data": {"order": {"state": "shipped", "carrier": %q, "expected": null}}}`, id[1])
	})
	upstream := httptest.NewServer(mux)
	t.Cleanup(upstream.Close)

	order := strings.Repeat("0123456789abcdef", 2)
	all := recipes(t, upstream.URL)
	for number, test := range map[int]struct {
		key  string // is missing in the address
		want []string
	}{
		11: {"", []string{`quotes/BTC {"at":1,"currency":"EUR","price":17.20}`, `quotes/ETH {"at":1,"currency":"EUR","price":17.20}`}},
		12: {"", []string{`snapshot [{"branch":"main","id":1,"name":"go","state":"queued"}]`}},
		13: {order, []string{`{"carrier":"` + order + `","expected":null,"state":"shipped"}`}},
		14: {"", []string{`courier/7 {"at":[52,13]}`, `user/42 {"text":"Your order was shipped"}`}},
	} {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			r := all[number-1]
			url, stop := startProgram(t, "--config", r.file)
			defer func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
			}()
			reader := startReader(t, url+r.watched(t)+test.key)
			if number == 14 {
				publish(t, url, "courier/7", "content", `{"at": [52, 13]}`)
				publish(t, url, "user/42", "content", `{"text": "Your order was shipped"}`)
			}
			reader.expectAnyOrder(t, test.want...)
		})
	}
}
