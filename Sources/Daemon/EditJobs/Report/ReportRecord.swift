import DragEditing
import JSON

/// What report.html shows: its script reads this object, under these names (web/report).
struct ReportRecord: Encodable, Sendable {
    /// A badge's colour (`good`, `middling`, `bad` or none), and what it says.
    struct Answer: Encodable, Sendable, Equatable {
        var answer, words: String
    }

    /// One part of the verdict.
    struct Part: Encodable, Sendable, Equatable {
        /// A number of the verdict, and what it means in one line.
        struct Number: Encodable, Sendable, Equatable {
            var name: String
            var value: Double?
            var meaning: String
        }

        var title, answer, words, sentence: String
        var numbers: [Number]
    }

    /// A drag and its handle point's way: to where the stretch put it, then after the steps that are shown.
    struct Drag: Encodable, Sendable {
        var from, to: RecordedPoint
        var lead, path: [RecordedPoint]
    }

    /// A number of every step that is shown; nil where it was not computed.
    struct Series: Encodable, Sendable {
        var title, meaning: String
        var values: [Double?]
        /// What the horizontal axis spans, in words.
        var span: String
    }

    /// A setting that is not the preset's.
    struct Difference: Encodable, Sendable, Equatable {
        var name, text, value, preset, origin: String
    }

    /// A stage's time.
    struct Stage: Encodable, Sendable, Equatable {
        var title: String
        var seconds: Double
        var forecast: Double?
        var note: String?
    }

    /// The model by its name.
    struct Model: Encodable, Sendable { var name: String }

    var name, finished, preset: String
    var seconds: Double
    var model: Model
    var answer: Answer
    var parts: [Part]
    /// Names with their texts.
    var facts, origin: [[String]]
    /// Pixels of the picture.
    var width, height: Int
    /// How the shown copies differ from the files, in words.
    var shown: String
    /// The pictures as data URIs; nil where one is not at hand.
    var before, mask: String?
    var after: String
    var drags: [Drag]
    /// The numbers of the steps that are shown, from 0, and how many steps there were.
    var steps: [Int]
    var stepCount: Int
    var series: [Series]
    var fineTuning: [Double]
    var fineTuningSteps: Int
    var fineTuningMeaning: String
    var settings: [Difference]
    var stages: [Stage]
    /// Name, what it took, what was forecast.
    var totals: [[String?]]
    var notes: [String]
    var spec: String
}
