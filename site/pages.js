// The pages of the site in the order in which a newcomer reads them. Each is a Markdown file of the
// repository; its address is its name. A page of docs/ that is missing here fails the build.
export default [
  { title: 'Begin', pages: [
    ['README.md', 'What it is'],
    'docs/start.md', 'docs/start-application.md', 'docs/start-server.md', 'docs/start-notebook.md', 'docs/start-container.md',
    'docs/start-host.md',
  ] },
  { title: 'Run it', pages: [
    'docs/systemd.md', 'docs/compose.md', 'docs/kubernetes.md', 'docs/watch.md', 'docs/boot.md', 'docs/page.md', 'docs/operations.md',
    'docs/drills.md', 'docs/retention.md', 'docs/cost.md',
  ] },
  { title: 'When something is wrong', pages: [
    'docs/emergency.md', 'docs/troubleshooting.md', 'docs/exit-codes.md', 'docs/salvage.md', 'docs/vanished.md',
  ] },
  { title: 'Keep it safe', pages: [
    'docs/keys.md', 'docs/encryption.md', 'docs/access.md', 'docs/lock.md', 'docs/threats.md',
  ] },
  { title: 'Look it up', pages: [
    'docs/manual.md', 'docs/addresses.md', 'docs/commands.md', 'docs/commands-check.md', 'docs/commands-keep.md', 'docs/json.md',
    'docs/holds.md', 'docs/timelines.md', 'docs/grafeo.md', 'docs/native.md', 'docs/stores.md', 'docs/glossary.md', 'docs/library.md',
    ['tools/check/README.md', 'A check for drills'], ['examples/README.md', 'Examples'],
  ] },
  { title: 'What to expect', pages: [
    'docs/promises.md', 'docs/head-to-head.md', 'docs/speed.md', 'docs/scale.md', 'CHANGELOG.md',
  ] },
  { title: 'Develop it', pages: [
    'ARCHITECTURE.md', 'CONTRIBUTING.md', 'FORMAT.md', 'docs/grafeo-format.md', 'docs/decisions.md', 'docs/mutants.md',
    'docs/releasing.md', ['site/README.md', 'This site'],
  ] },
];
