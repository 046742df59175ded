package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/test/rig"
)

// chromium is the browser in which all tests open their tabs, each in a profile
// of its own. The first who needs it starts it, and quit ends it.
var chromium struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

func start() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		chromium.err = err
		return
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", false), chromedp.Flag("ignore-certificate-errors", true)) // those of tests
	all, end := chromedp.NewExecAllocator(context.Background(), o...)
	ctx, quit := chromedp.NewContext(all)
	chromium.ctx, chromium.end = ctx, func() { quit(); end() }
	chromium.err = chromedp.Do(ctx)
}

func quit() {
	if chromium.end != nil {
		chromium.end()
	}
}

// tab is one page of a browser profile of its own.
type tab struct {
	t   *testing.T
	w   *world
	ctx context.Context
}

// look is how a tab shows pages.
type look struct {
	width, height int64
	dark, touch   bool
	mirrored      bool // as for a language that is written from the right
	scale         float64
}

var (
	desktop = look{width: 1440, height: 900, scale: 1}
	night   = look{width: 1440, height: 900, scale: 1, dark: true}
	phone   = look{width: 390, height: 844, scale: 2, touch: true}

	zoomed     = look{width: 720, height: 450, scale: 2}              // a desktop at 200 %
	narrow     = look{width: 320, height: 640, scale: 2, touch: true} // 400 % of 1280, as WCAG 1.4.10 has it
	mirrored   = look{width: 1440, height: 900, scale: 1, mirrored: true}
	phoneNight = look{width: 390, height: 844, scale: 2, touch: true, dark: true}
)

func (w *world) tab(login string, l look) *tab {
	w.t.Helper()
	rig.Need(w.t, "chromium")
	chromium.once.Do(start)
	w.must(chromium.err)
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	w.t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	w.t.Cleanup(cancel)
	b := &tab{w.t, w, ctx}
	b.do(chromedp.Steps())
	b.as(l)
	if login != "" {
		secure := strings.HasPrefix(w.url, "https:")
		call(b, network.SetCookie, network.SetCookieParams{
			Name: people.CookieName(people.SessionCookie, secure), Value: w.session(login), URL: w.url, Path: "/", Secure: &secure,
		})
	}
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Shanghai"})
	call(b, network.SetCookie, network.SetCookieParams{Name: "afterbeep-zone", Value: "Asia%2FShanghai", URL: w.url})
	return b
}

// session signs somebody in without a browser, which has tests of its own.
func (w *world) session(login string) string {
	w.t.Helper()
	in, err := w.staff.SignIn(w.t.Context(), people.Credentials{Tenant: 1, Login: login, Password: secretOf(login)}, people.Browser{Address: "127.0.0.1"})
	w.must(err)
	return in.Cookie
}

// call sends the tab a command of the protocol.
func call[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// as changes how the tab shows pages, and the page that it is at.
func (b *tab) as(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: l.scale, Mobile: l.touch,
	})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	dir := map[bool]string{true: "rtl", false: "ltr"}[l.mirrored]
	b.do(chromedp.Evaluate[chromedp.Void](`if (document.documentElement) document.documentElement.dir = "` + dir + `"`))
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// ask is what a script in the page says.
func ask[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.w.url + path))
	b.until("the scripts run", scripted)
}

const scripted = `"scripted" in document.documentElement.dataset`

// shoot keeps a picture, when somebody asked for pictures.
func (b *tab) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("AFTERBEEP_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
