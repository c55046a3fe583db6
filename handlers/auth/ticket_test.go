package auth_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
)

// A token whose bearer uses each ticket at once takes no place from others, however many
// it uses.
func TestUsedTicketsTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := new(auth.Tickets)
		busy, other := grantOf("busy"), grantOf("other")
		kept := give(t, tickets, other)
		for range 50_000 {
			if _, err := tickets.Take(give(t, tickets, busy)); err != nil {
				t.Fatal(err)
			}
		}
		if grant, err := tickets.Take(kept); err != nil || grant.Holder != other.Holder {
			t.Errorf("a ticket from before: %v", err)
		}
		late := give(t, tickets, other)
		time.Sleep(auth.TicketLife)
		if _, err := tickets.Take(late); !errors.Is(err, auth.ErrWrong) {
			t.Errorf("a late ticket: %v", err)
		}
	})
}

// So many tickets can be out, and one that is used or late makes room for another one.
func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := new(auth.Tickets)
		var out []string
		for n := range 10_000 {
			out = append(out, give(t, tickets, grantOf(strconv.Itoa(n/100))))
		}
		one := grantOf("one more")
		refused := func(want error) {
			t.Helper()
			if _, _, err := tickets.Give(one); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		refused(auth.ErrTooManyTickets)
		if _, err := tickets.Take(out[5000]); err != nil {
			t.Error(err)
		}
		refused(nil)
		refused(auth.ErrTooManyTickets)
		time.Sleep(auth.TicketLife)
		refused(nil)
	})
}

func grantOf(token string) auth.Grant { return auth.Grant{Holder: auth.HolderOf(token)} }

func give(t *testing.T, tickets *auth.Tickets, grant auth.Grant) string {
	t.Helper()
	text, _, err := tickets.Give(grant)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
