// Package seal encrypts and decrypts what an encrypted archive stores, as age files
// (age-encryption.org/v1), and is the only package that imports filippo.io/age. It knows
// neither stores nor databases.
//
// # Vocabulary
//
//   - data key: an age key pair of the archive, for its segments. The private half is only
//     in wraps.
//   - catalog key: another one, for everything else: manifests, indexes, digests of pages.
//     Writers have its private half, so they can read the list, but no data.
//   - MAC key: made from the private half of the catalog key. By the MAC of a document,
//     readers know that somebody with that key has written it.
//   - generation: one data key and one catalog key, with which everything is encrypted from
//     a record on.
//   - recipient: somebody who can open the archive: an age public key, or a passphrase. An
//     [Identity] is the secret that belongs to it.
//   - wrap: an age file for recipients that holds the private halves of all generations.
//   - key list: generations, recipients and wraps ([manifest.KeyList]).
//   - handover: the private half of a catalog key, encrypted for the catalog key of the
//     generation before. So writers go on with a new generation by themselves.
//   - writer key: what a host needs to write to the archive ([WriterKey]).
//   - ring: what this process has of all these ([Ring]).
//
// # Two ways to fail
//
// That a key is missing, or opens nothing, is a [*KeyError]: the archive may be all right. That
// something does not authenticate is a [*DamageError]: no key would help.
package seal
