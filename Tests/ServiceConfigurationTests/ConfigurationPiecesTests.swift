import Failures
import ServiceConfiguration
import Settings
import Testing

/// A configuration of several files.
@Suite struct ConfigurationPiecesTests {
    private func read(_ texts: String...) throws(Failure) -> Configuration {
        try parseConfiguration(
            texts.enumerated().map { ConfigurationFile(path: "\($0).yaml", bytes: Array($1.utf8)) })
    }

    private func error(_ texts: String...) -> Failure? {
        #expect(throws: Failure.self) {
            try parseConfiguration(
                texts.enumerated().map { ConfigurationFile(path: "\($0).yaml", bytes: Array($1.utf8)) })
        }
    }

    @Test func `a later value of a key replaces the earlier one, and inboxes add up`() throws {
        let c = try read(
            "inboxes: [{path: /a}]\noutbox: /o\nworkers: 2\nlimits: {attempts: 5, seconds: 60}\nhook: /h\n",
            "",
            "inboxes: [{path: /b, priority: 3}]\nlimits: {attempts: 7}\nhook: null\nretention: {failed: 1d}\n"
                + "defaults: {output: {quality: 50, format: png}}\n",
            "inboxes: [{path: /c, watch: poll}]\nworkers: 4\ndefaults: {preset: quick, output: {format: jpeg}}\n"
        )
        #expect(c.inboxes.map(\.path) == ["/a", "/b", "/c"])
        #expect(c.inboxes.map(\.priority) == [0, 3, 0])
        #expect(c.inboxes[2].watch == .poll)
        #expect((c.outbox, c.workers, c.limits.attempts, c.limits.seconds) == ("/o", 4, 7, 60))
        #expect((c.hook, c.retention.failed, c.preset) == (nil, 86400, "quick"))
        #expect((c.output.quality, c.output.format) == (50, .jpeg))
    }

    @Test func `null restores a default, also of a whole mapping`() throws {
        let c = try read(
            "limits: {attempts: 5}\ndefaults: {preset: quick, method: clipdrag, output: {quality: 50, extras: [overlay]}}\n",
            "limits: null\ndefaults: {output: {extras: null}}\n")
        #expect((c.limits, c.preset, c.output.quality) == (Configuration.Limits(), "quick", 50))
        #expect(c.output.extras == nil)
        #expect(try read("defaults: {preset: quick}\n", "defaults: null\n") == Configuration())
    }

    @Test func `captions are a list, or a mapping of a list and a vocabulary`() throws {
        #expect(try read("captions: [template]\n").captions.captioners == [.template])
        let c = try read("captions: {vocabulary: /w.txt}\n").captions
        #expect((c.captioners, c.vocabulary) == ([.clip, .template], "/w.txt"))
        let program = try read("captions: {use: [{command: [/x, y], network: true}, clip]}\n").captions
        #expect(program.captioners == [.command(["/x", "y"], hasNetwork: true), .clip])
        #expect(error("captions: {vocabulary: w.txt}\n")?.code == "config.relative_path")
        #expect(error("captions: [{command: [/x], network: 3}]\n")?.code == "spec.type")
    }

    @Test func `the error of folders in one another is at the later file's place`() throws {
        let inboxes = error(
            "inboxes: [{path: /srv/in}]\n", "workers: 1\n", "inboxes:\n  - {path: /srv/in/sub}\n")
        #expect(
            inboxes?.description == """
                2.yaml:2:12: error: the inboxes /srv/in and /srv/in/sub overlap (see 0.yaml:1)
                      - {path: /srv/in/sub}
                               ^
                Choose folders that do not contain each other.
                """)
        let outbox = error("inboxes: [{path: /srv/in}]\noutbox: /o\n", "outbox: /srv/in/out\n")
        #expect(
            outbox?.code == "config.overlap" && outbox?.place?.file == "1.yaml" && outbox?.place?.column == 9)
        let inbox = error("outbox: /srv/out\n", "inboxes: [{path: /srv}]\n")
        #expect(
            inbox?.code == "config.overlap" && inbox?.place?.file == "1.yaml" && inbox?.place?.column == 18)
        // What a later file puts right is right.
        #expect(try read("inboxes: [{path: /a}]\noutbox: /a/o\n", "outbox: /o\n").outbox == "/o")
        #expect(try read("inboxes: [{path: /a}]\noutbox: /a/o\n", "outbox: null\n").outbox == nil)
    }

    @Test func `a later file is as strict as the first`() {
        let unknown = error("workers: 1\n", "# more\nworker: 2\n")
        #expect(
            unknown?.code == "spec.unknown_key" && unknown?.place?.file == "1.yaml"
                && unknown?.place?.line == 2)
        #expect(error("workers: 1\n", "workers: 2\nworkers: 3\n")?.code == "spec.duplicate_key")
    }

    @Test(arguments: ["/srv/a b", "/srv/50% \"x\"", "/srv/a: b, {c}", "/srv/a\\b'c", "/srv/çirkin\u{85}é"])
    func `an inbox's text reads back to it`(_ path: String) throws {
        let inbox = Configuration.Inbox(path: path, watch: .poll, priority: -7)
        #expect(try read(inbox.yaml).inboxes == [inbox])
    }

    @Test func `a path is one text however its slashes are written`() throws {
        let text = "inboxes: [{path: /srv//in/./}]\noutbox: /srv/out//\nhook: /etc/./hook\n"
        let configuration = try parseConfiguration(Array(text.utf8), file: "c.yaml")
        #expect(configuration.inboxes.map(\.path) == ["/srv/in"])
        #expect(configuration.outbox == "/srv/out" && configuration.hook == "/etc/hook")
    }
}
