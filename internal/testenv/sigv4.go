package testenv

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// sign adds AWS Signature Version 4 to a request to S3 without a body or query
// (docs.aws.amazon.com, "Authenticating Requests: Using the Authorization
// Header"). Making a bucket and removing an object is all that tests need beside
// the store itself, and the SDK belongs to that alone.
func sign(req *http.Request, e Endpoint, now time.Time) {
	const signed = "host;x-amz-content-sha256;x-amz-date"
	empty := hexSum("")
	at := now.UTC().Format("20060102T150405Z")
	scope := at[:8] + "/" + e.Region + "/s3/aws4_request"
	canonical := strings.Join([]string{
		req.Method, req.URL.EscapedPath(), "",
		"host:" + req.URL.Host, "x-amz-content-sha256:" + empty, "x-amz-date:" + at, "",
		signed, empty,
	}, "\n")
	key := []byte("AWS4" + e.SecretKey)
	for _, part := range []string{at[:8], e.Region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	signature := mac(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hexSum(canonical))
	req.Header.Set("X-Amz-Date", at)
	req.Header.Set("X-Amz-Content-Sha256", empty)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+e.AccessKey+"/"+scope+
		",SignedHeaders="+signed+",Signature="+hex.EncodeToString(signature))
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
