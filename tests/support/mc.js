// An application with its own tool, as users have them: `node mc.js list DB` lists tasks, `node mc.js serve DB` keeps the
// database open and answers each line of its input with the number of tasks. This Node may be too old for node:sqlite, so
// the sqlite3 program has the file open for it.
const { spawn, spawnSync } = require('node:child_process')
const [, , what, path] = process.argv

if (what === 'list') {
  const sql = "SELECT id, title FROM tasks ORDER BY id DESC LIMIT 3; SELECT count(*) || ' tasks' FROM tasks"
  const done = spawnSync('sqlite3', ['-readonly', '-cmd', '.timeout 5000', path, sql], { encoding: 'utf8' })
  process.stdout.write(done.stdout)
  process.stderr.write(done.stderr)
  process.exit(done.status ?? 1)
}

const sqlite = spawn('sqlite3', ['-cmd', '.timeout 5000', path], { stdio: ['pipe', 'inherit', 'inherit'] })
process.stdin.on('data', () => sqlite.stdin.write('SELECT count(*) FROM tasks;\n'))
process.stdin.on('end', () => sqlite.stdin.end())
