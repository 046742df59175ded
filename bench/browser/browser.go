// Package browser is somebody who works at the desk, as the server sees it: a
// session from the real sign-in form, pages as a browser asks for them, parts of
// pages as the scripts ask for them, and the stream of what others do.
//
// It promises that a page's time ends with its last byte, before anything is
// looked at, and to say what a page shows, so that whoever measures can refuse
// one that is fast because it is empty. It runs no scripts. Benchmarks call it.
package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// Browser is one signed-in browser with its connections. It is for one goroutine;
// Listen may run in another.
type Browser struct {
	base string
	http *http.Client
	page bytes.Buffer
}

// SignIn fills in the form and keeps the session.
func SignIn(ctx context.Context, base, login, password string) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &Browser{base: base, http: &http.Client{
		Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: 2, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	req, err := b.request(ctx, "/sign-in", strings.NewReader(url.Values{"login": {login}, "password": {password}}.Encode()))
	if err != nil {
		return nil, err
	}
	p, err := b.do(req)
	if err != nil {
		return nil, err
	}
	if p.Status != http.StatusSeeOther || p.location != "/" {
		return nil, fmt.Errorf("%s was not let in: status %d, %q", login, p.Status, p.Problem())
	}
	return b, nil
}

// Close lets go of the connections.
func (b *Browser) Close() { b.http.CloseIdleConnections() }

// Get asks for a whole page.
func (b *Browser) Get(ctx context.Context, path string) (Page, error) {
	req, err := b.request(ctx, path, nil)
	if err != nil {
		return Page{}, err
	}
	return b.do(req)
}

// Part asks for the part of a page that goes into an element, as the scripts do.
func (b *Browser) Part(ctx context.Context, target, path string) (Page, error) {
	req, err := b.request(ctx, path, nil)
	if err != nil {
		return Page{}, err
	}
	scripted(req, target)
	return b.do(req)
}

// Act sends a thread's form as the scripts do, and gets the pane back.
func (b *Browser) Act(ctx context.Context, path string, form url.Values) (Page, error) {
	req, err := b.request(ctx, path, strings.NewReader(form.Encode()))
	if err != nil {
		return Page{}, err
	}
	scripted(req, "thread")
	return b.do(req)
}

func scripted(req *http.Request, target string) {
	req.Header.Set("HX-Request", "true")
	req.Header.Set("HX-Target", target)
}

// request has the headers that browsers send; with a form it is a POST.
func (b *Browser) request(ctx context.Context, path string, form io.Reader) (*http.Request, error) {
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, form)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
	h.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	h.Set("Accept-Encoding", "gzip")
	h.Set("Accept-Language", "en-GB,en;q=0.9")
	h.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		h.Set("Origin", b.base)
	}
	return req, nil
}

func (b *Browser) do(req *http.Request) (p Page, err error) {
	began := time.Now()
	res, err := b.http.Do(req)
	if err != nil {
		return p, err
	}
	defer res.Body.Close()
	b.page.Reset()
	if _, err := b.page.ReadFrom(res.Body); err != nil {
		return p, err
	}
	p = Page{Took: time.Since(began), Status: res.StatusCode, Wire: b.page.Len(), location: res.Header.Get("Location")}
	p.body = b.page.Bytes()
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(&b.page)
		if err != nil {
			return p, err
		}
		p.body, err = io.ReadAll(z)
		return p, err
	}
	return p, nil
}
