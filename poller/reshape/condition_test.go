package reshape_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

// TestCondition has conditions on each side of yes and no, and those that give no answer.
func TestCondition(t *testing.T) {
	const no = "the answer is no success: what success asks of it is not true"
	for _, test := range []struct{ program, document, class, want string }{
		{".errors == null", `{"data":{"v":1}}`, "", ""},
		{".errors == null", `{"data":null,"errors":[{"message":"hunter2"}]}`, "refused", no},
		{".code == 0", `{"code":0}`, "", ""},
		{".code == 0", `{"code":50013,"msg":"hunter2"}`, "refused", no},
		{".data", `{"data":[]}`, "", ""},
		{".data", `{"data":0}`, "", ""},
		{".data", `{"data":""}`, "", ""},
		{".data", `{"data":null}`, "refused", no},
		{".data", `{"data":false}`, "refused", no},
		{"", `false`, "refused", no},
		{"true", `null`, "", ""},
		{".ok", `"hunter2"`, "refused", "the program of success failed: "},
		{"error(.)", `"hunter2"`, "refused", "the program of success failed: "},
		{"empty", `1`, "refused", "the program of success returned no result, want one"},
		{".[]", `[true,true]`, "refused", "the program of success returned more than one result, want one, for example with all(…)"},
		{"repeat(.) | empty", `1`, "select_timeout", "the program of success took too long"},
	} {
		t.Run(test.program+" of "+test.document, func(t *testing.T) {
			condition, err := reshape.NewCondition(test.program, reshape.Options{Timeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			err = condition.Judge(t.Context(), []byte(test.document))
			if test.class == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure, ok := errors.AsType[*poller.Error](err)
			if !ok || failure.Class != test.class || !strings.HasPrefix(failure.Err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want %s: %s", err, test.class, test.want)
			}
		})
	}
	if _, err := reshape.NewCondition(".a ==", reshape.Options{}); err == nil {
		t.Error("half a program is accepted")
	}
}
