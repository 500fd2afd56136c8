import Failures
import ServiceConfiguration
import Settings
import Testing
import TestSupport

private let cases = Cases()

@Suite struct ConfigurationCaseTests {
    @Test(arguments: cases.all("bad"))
    func `a bad configuration gets its one message`(_ name: String) throws {
        let bytes = try cases.bytes("bad", name)
        let error = #expect(throws: Failure.self) { try parseConfiguration(bytes, file: name) }
        #expect((error?.description ?? "") + "\n" == (try cases.expected("bad", name)))
    }

    @Test func `there are enough bad cases`() {
        #expect(cases.all("bad").count >= 15)
    }

    @Test func `a configuration that spells out every default equals the default one`() throws {
        let c = try parseConfiguration(
            try cases.bytes("good", "complete.yaml"), file: "c.yaml")
        var expected = Configuration()
        expected.inboxes = [.init(path: "/srv/clipdragd/inbox")]
        expected.outbox = "/srv/clipdragd/outbox"
        expected.model = "starter"
        expected.output.extras = []
        #expect(c == expected)
        #expect(
            try parseConfiguration(try cases.bytes("good", "empty.yaml"), file: "e.yaml")
                == Configuration())
    }

    @Test(arguments: Setting.all.map(\.name))
    func `defaults hold no settings`(_ name: String) {
        let parts = name.split(separator: ".")
        let inner = "{\(parts[parts.count - 1]): 1}"
        let settings = parts.count == 1 ? inner : "{\(parts[0]): \(inner)}"
        for text in ["settings: \(settings)", "\"\(name)\": 1"] {
            let error = #expect(throws: Failure.self) {
                try parseConfiguration(Array("defaults: {\(text)}".utf8), file: "c.yaml")
            }
            #expect(error?.code == "spec.unknown_key")
        }
    }
}
