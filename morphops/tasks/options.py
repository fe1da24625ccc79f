"""Help texts of the options that several tasks have."""

JSON = "one JSON object on stdout; everything else goes to stderr"
ENV = "env file (default: MORPHOPS_ENV_FILE, else what the bundle says)"
PLAN = "show what would happen, change nothing"
REASON = "why; kept in the history"
WHY = "why; must be given, and is kept in the history"
WAIT = "seconds to wait for another operation to end (default: do not wait)"
EVENTS = "write progress as JSON lines to this path; - is stderr, which then holds nothing else"
