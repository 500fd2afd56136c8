import Failures
import Foundation
import Testing

@Suite struct FailureTests {
    private func failure(_ place: Failure.Place?) -> Failure {
        Failure(
            .badSpec, code: "spec.type", message: "`drags` must be a list", at: place, hint: "Write a list.")
    }

    @Test func `a failure without a place is its message and its hint`() {
        #expect(failure(nil).description == "error: `drags` must be a list\nWrite a list.")
    }

    @Test func `on one line, a message that ends as a sentence gets no second full stop`() {
        #expect(failure(nil).sentences == "`drags` must be a list. Write a list.")
        #expect(
            Failure.sentences("`settings` has no key `max_step`; did you mean `max_steps`?", "Known keys: a.")
                == "`settings` has no key `max_step`; did you mean `max_steps`? Known keys: a.")
        #expect(Failure.sentences("Not known.", "Write a list.") == "Not known. Write a list.")
    }

    @Test func `the known parts of a place are shown`() {
        let file = failure(.init(file: "a.yaml"))
        #expect(file.description == "a.yaml: error: `drags` must be a list\nWrite a list.")
        let line = failure(.init(file: "a.yaml", line: 2, column: 3, excerpt: ""))
        #expect(line.description == "a.yaml:2:3: error: `drags` must be a list\nWrite a list.")
    }

    @Test func `the source line is shown with a caret below the column`() {
        let placed = failure(.init(file: "a.yaml", line: 1, column: 8, excerpt: "drags:\t7"))
        #expect(
            placed.description == """
                a.yaml:1:8: error: `drags` must be a list
                    drags: 7
                           ^
                Write a list.
                """)
    }

    @Test func `a long source line is cut around the caret`() {
        let text = String(repeating: "x", count: 300)
        let placed = failure(.init(file: "a.yaml", line: 1, column: 201, excerpt: text))
        let lines = placed.description.split(separator: "\n")
        #expect(lines[1] == "    …" + String(repeating: "x", count: 100))
        #expect(lines[2] == "     " + String(repeating: " ", count: 60) + "^")
    }

    @Test(arguments: Failure.Kind.allCases)
    func `a failure reads back from JSON as it was`(_ kind: Failure.Kind) throws {
        let placed = Failure(
            kind, code: "image.format", message: "m",
            at: .init(file: "a", line: 1, column: 2, excerpt: "e"), hint: "h", isRetryable: true)
        let bytes = try JSONEncoder().encode(placed)
        #expect(try JSONDecoder().decode(Failure.self, from: bytes) == placed)
    }

    /// What the daemon does by the kind, in one table.
    @Test func `the kind decides the exit code, the picture and the hint`() {
        func kinds(_ isTrue: (Failure.Kind) -> Bool) -> [Failure.Kind] {
            Failure.Kind.allCases.filter(isTrue)
        }
        #expect(kinds(\.keepsPicture) == [.badSpec])
        #expect(kinds(\.isOfWorker) == [.crash, .workerStopped])
        #expect(kinds(\.isOfSurroundings) == [.badConfiguration, .badOutput, .badPlace, .tryLater])
        #expect(kinds(\.hintsAtRequeue) == [.cancelled, .crash])
        #expect(kinds { $0.exit == .badData } == [.badSpec, .badJob])
        #expect(kinds { $0.exit == .tryLater } == [.tryLater, .cancelled])
    }

    @Test func `a text from outside shows with escapes, and the caret stays below its character`() {
        let failure = Failure(
            .badSpec, code: "spec.unknown_key", message: "no key `\u{1b}[31mx\nforged: error`",
            at: Failure.Place(file: "a\u{202e}b.yaml", line: 1, column: 5, excerpt: "\t\u{1b}[2J: 猫"),
            hint: "Remove\r\nit.")
        #expect(
            failure.description == """
                a\\u202Eb.yaml:1:5: error: no key `\\x1B[31mx\\x0Aforged: error`
                     \\x1B[2J: 猫
                           ^
                Remove\\x0D\\x0Ait.
                """)
    }
}
