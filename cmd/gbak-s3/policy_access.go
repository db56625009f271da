package main

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// accessFlags are the flags of policy that are about access to a bucket.
type accessFlags struct {
	mode, dialect, principal string
	bucket                   bool
}

// somebody is the principal that a bucket policy has as long as nobody was named: the
// server refuses it.
const somebody = "arn:aws:iam::ACCOUNT:role/ROLE"

func (f *accessFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.mode, "mode", "", "print the access policy for append-only, restore, monitor, expire or drill (`MODE`), and do nothing else")
	flags.StringVar(&f.dialect, "for", "", "with --mode: the server, aws or minio (`SERVER`); without it, as the address says")
	flags.BoolVar(&f.bucket, "bucket-policy", false, "with --mode: print a bucket's policy, and not that of a user or role (AWS only)")
	flags.StringVar(&f.principal, "principal", somebody, "with --bucket-policy: who gets these permissions (`ARN`)")
}

// isGiven reports whether the command is about access.
func (f *accessFlags) isGiven(cmd *cobra.Command) bool {
	for _, name := range []string{"mode", "for", "bucket-policy", "principal"} {
		if cmd.Flags().Changed(name) {
			return true
		}
	}
	return false
}

// accessLine is an access policy in JSON.
type accessLine struct {
	Type         string     `json:"type"` // "access_policy"
	Mode         string     `json:"mode"`
	For          string     `json:"for"` // "aws" or "minio"
	BucketPolicy bool       `json:"bucket_policy"`
	Policy       *s3.Policy `json:"policy"`
}

// printAccess prints the access policy that f asks for. It reads nothing but its arguments.
func (a *app) printAccess(address string, f accessFlags) error {
	mode, err := archiver.ParseAccessMode(f.mode)
	if err != nil {
		return usage("the mode %w", "Give the work that the host does, such as --mode append-only.", err)
	}
	if !isBucket(address) {
		return usage("only buckets have access policies", "For a directory, the permissions of its files decide: chmod and chown.")
	}
	opts, err := s3.ParseAddress(address)
	if err != nil {
		return usage("%w", addressHint, err)
	}
	dialect := s3.PolicyDialect(f.dialect)
	switch {
	case dialect == "":
		dialect = opts.Dialect()
	case dialect != s3.PolicyAWS && dialect != s3.PolicyMinIO:
		return usage("there are no policies for the server %q", "Give --for aws or --for minio.", f.dialect)
	}
	switch {
	case f.bucket && dialect == s3.PolicyMinIO:
		return usage("MinIO applies a bucket's policy to whoever comes without credentials, and to nobody else",
			"Leave out --bucket-policy, and attach the policy to a user.")
	case !f.bucket && f.principal != somebody:
		return usage("--principal is for --bucket-policy", "The policy of a user or role applies to whoever it is attached to.")
	}
	policy, err := opts.Policy(mode.Permissions(), dialect)
	if err != nil {
		return usage("%w", "Choose an archive whose prefix has only other characters.", err)
	}
	if f.bucket {
		if policy = policy.ForBucket(f.principal); f.principal == somebody {
			a.out.warn("write into the policy who gets these permissions, or name them with --principal ARN")
		}
	}
	if a.out.json {
		return a.out.printJSON(accessLine{"access_policy", string(mode), string(dialect), f.bucket, policy})
	}
	return a.out.print("%s", indented(policy))
}

// indented returns a policy as people read it.
func indented(policy *s3.Policy) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(policy) // it has only strings
	return bytes.TrimSpace(b.Bytes())
}
