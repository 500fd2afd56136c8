import Settings

extension ConfigurationKey {
    /// The table of keys, in the order of the documentation.
    public static let all: [ConfigurationKey] =
        [
            ConfigurationKey(
                of: "inboxes", \.inboxes, .inboxes, default: "none",
                "list of `{path, watch: auto\\|inotify\\|poll, priority}`. `auto` uses inotify. On file systems that may change without an event (network, FUSE, overlay) it also polls every two seconds. Where the kernel has no watches left it only polls"
            ),
            ConfigurationKey("outbox", \.outbox, .path, "where results appear; outside every inbox"),
            ConfigurationKey(
                "inputs", \.inputs, .value(.word(Configuration.Inputs.allCases.map(\.rawValue))),
                "after publishing: `archive`, `keep` (the picture stays, the spec moves to INBOX/done) or `delete`"
            ),
            ConfigurationKey(
                "archive", \.archive, .path, default: "INBOX/archive", "another folder for archived inputs"),
            ConfigurationKey(
                "failed", \.failed, .path, default: "INBOX/failed",
                "another folder for the inputs of failed jobs"),
            ConfigurationKey("model", \.model, .text, default: "`starter`", "name or folder"),
            ConfigurationKey(
                of: "captions", \.captions, .captions, default: "`[clip, template]`",
                "list of captioners; the first one that returns a caption wins. `{command: [/program, \"{image}\"]}` runs a program for at most five minutes; its first line is the caption, and a warning names a program that gives none. With `network: true` beside `command` the program may open sockets, and runs outside the worker's sandbox ([operations.md](operations.md)). `captions: {use: [clip, template], vocabulary: /FILE}` also names the phrases that CLIP ranks ([models.md](models.md))"
            ),
            ConfigurationKey(
                "workers", \.workers, .value(.integer(1...64)), "number of edits at the same time"),
        ] + limits + [
            ConfigurationKey(
                "retention.archive", \.retention.archive, .value(.duration),
                "the daemon removes specs and pictures of the archive that are older, once an hour"),
            ConfigurationKey(
                "retention.failed", \.retention.failed, .value(.duration),
                "the same for folders of `failed` with an `error.json`"),
            ConfigurationKey(
                "retention.outbox", \.retention.outbox, .value(.duration),
                "the same for folders of the outbox with a `trajectory.json`"),
            ConfigurationKey(
                "output_mode", \.outputMode, .mode,
                "permissions of published files. Whoever may read the files may enter their folder. With the setgid bit on the outbox, files get the outbox's group"
            ),
            ConfigurationKey(
                "hook", \.hook, .path,
                "a program that gets the JSON of each finished job on standard input, or a socket that does ([operations.md](operations.md)). One runs at a time, beside the queue, with five attempts of a minute each; the log gets the first 4 KiB that it prints. After a crash of the daemon it may get a job twice"
            ),
            ConfigurationKey(
                "gallery", \.gallery, .path,
                "folder of a page over all published and failed jobs, renewed after each job ([pages.md](pages.md)); outside every inbox and the outbox"
            ),
            ConfigurationKey(
                "metrics_file", \.metricsFile, .path,
                "file for node_exporter's textfile collector, replaced by one rename; names begin with `clipdragd_`"
            ),
            ConfigurationKey("defaults.preset", \.preset, .preset, "preset of specs that name none"),
            ConfigurationKey("defaults.method", \.method, .method, "drag method of specs that name none"),
            ConfigurationKey(
                of: "defaults.output", \.output, .output, default: "[spec.md](spec.md)",
                "what specs leave out of `output`"),
        ]

    private static let limits = [
        ConfigurationKey("limits.pixels", \.limits.pixels, .size(least: 1), "largest picture"),
        ConfigurationKey(
            "limits.seconds", \.limits.seconds, .value(.number(1...1e7)),
            "longest edit; the daemon kills a longer one, and the job fails"),
        ConfigurationKey(
            "limits.memory", \.limits.memory, .size(least: 1),
            "memory that a worker may allocate (`2G`; mapped weights do not count); the daemon kills a larger one, and the job fails"
        ),
        ConfigurationKey(
            "limits.cache", \.limits.cache, .size(least: 0),
            "size of the cache of fine-tunings and inversions in the state folder's `cache/`; 0 turns it off"),
        ConfigurationKey(
            "limits.attempts", \.limits.attempts, .value(.integer(1...100)),
            "attempts of a job whose worker dies"),
        ConfigurationKey(
            "limits.orphan_after", \.limits.orphanAfter, .value(.duration),
            "an orphan (a spec or picture without its counterpart) that waits for longer is overdue: the log names it once"
        ),
        ConfigurationKey(
            "limits.quiet", \.limits.quiet, .value(.duration),
            "the daemon reads a file once it has not changed for this long"),
        ConfigurationKey(
            "limits.stalled_after", \.limits.stalledAfter, .value(.duration),
            "the daemon kills a worker that reports no new step for this long and tries again"),
    ]
}
