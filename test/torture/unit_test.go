package torture_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Some promises are kept by tests beside the code, where the clock and the disk
// are in the test's hands. They are proven to bite in the same way: with the
// tooth, the same test must fail.
func TestTheTestsBesideTheCodeBite(t *testing.T) {
	for _, c := range []struct{ promise, teeth, pkg, test string }{
		{"D17 clocks jump, tokens do not live on", "wall-clock", "./internal/auth", "TestNoTokenOutlivesItsHourWhereverTheClockJumps"},
		{"D8 damage is not shown", "no-hash", "./internal/store/sqlite", "TestADamagedRowIsNamedAndNeverShown"},
		{"C1 every route is decided", "any-thread", "./test/browser", "TestEveryRouteIsDecidedForEveryRoleAndTenant"},
	} {
		t.Run(c.promise, func(t *testing.T) {
			for _, teeth := range []string{"", c.teeth} {
				cmd := exec.Command("go", "test", "-count=1", "-tags", "teeth", "-run", "^"+c.test+"$", "-v", c.pkg)
				cmd.Dir = "../.."
				cmd.Env = append(os.Environ(), "AFTERBEEP_TEETH="+teeth)
				out, err := cmd.CombinedOutput()
				switch {
				case !strings.Contains(string(out), "=== RUN   "+c.test):
					t.Fatalf("there is no %s: %v\n%s", c.test, err, out)
				case teeth == "" && err != nil:
					t.Errorf("it fails on sound code:\n%s", out)
				case teeth != "" && err == nil:
					t.Errorf("with %s it passes: it proves nothing", teeth)
				}
			}
		})
	}
}
