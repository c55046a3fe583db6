package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An unknown variable that looks like a setting is found, with the nearest known name.
func TestUnknownVariables(t *testing.T) {
	flags := []string{"help", "listen", "max-clients", "no-env", "push"}
	for _, test := range []struct {
		variables []string
		want      map[string]string
	}{
		{nil, nil},
		{[]string{"HOME=/", "POLLUX_LISTEN=:1", "POLLUX_PUBLISH_TOKEN=a", "POLLUX_EMPTY=", "POLLUXLISTEN=a", "X_POLLUX_Y=a"}, nil},
		{[]string{"POLLUX_LISTNE=a", "POLLUX_MAXCLIENTS=5"}, map[string]string{"POLLUX_LISTNE": "POLLUX_LISTEN", "POLLUX_MAXCLIENTS": "POLLUX_MAX_CLIENTS"}},
		{[]string{"POLLUX_HELP=a", "POLLUX_NO_ENV=a"}, map[string]string{"POLLUX_HELP": "POLLUX_H2C", "POLLUX_NO_ENV": "POLLUX_NODE"}},
		{[]string{"POLLUX_PORT=a", "POLLUX_PORT_80_UDP_PROTO=udp", "POLLUX_SERVICE_PORT_HTTP_ADMIN=1", "POLLUX_SERVICE_HOST=a"}, nil},
		{[]string{"POLLUX_API_SERVICE_HOST=a", "POLLUX_API_PORT=a", "POLLUX_API_PORT_80_TCP=a", "POLLUX_API_SERVICE_PORT=a"}, nil},
		{[]string{"POLLUX_LISTEN_PORT=a"}, map[string]string{"POLLUX_LISTEN_PORT": "POLLUX_LISTEN"}},
		{[]string{"POLLUX_PORT_TCP=a"}, map[string]string{"POLLUX_PORT_TCP": "POLLUX_FORM_BYTES"}},
	} {
		var got map[string]string
		for _, v := range NewEnvironment(test.variables).Unknown(flags) {
			if got == nil {
				got = make(map[string]string)
			}
			got[v.Name] = v.Nearest
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v:\n%s", test.variables, diff)
		}
	}
}
