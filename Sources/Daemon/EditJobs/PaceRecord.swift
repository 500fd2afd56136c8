import DragEditing
import JSON

/// The pace of a model in the cache: seconds and bytes.
struct PaceRecord: Record {
    static let schema = "clipdrag-pace/4"

    let pass, decode, fineTuningStep, dragStep: Double
    let fineTuningMemory, dragMemory: Int

    enum CodingKeys: String, CodingKey {
        case pass, decode
        case fineTuningStep = "fine_tuning_step"
        case dragStep = "drag_step"
        case fineTuningMemory = "fine_tuning_memory"
        case dragMemory = "drag_memory"
    }

    init(_ pace: EditPace) {
        (pass, decode) = (pace.pass, pace.decode)
        (fineTuningStep, dragStep) = (pace.fineTuningStep, pace.dragStep)
        (fineTuningMemory, dragMemory) = (pace.fineTuningMemory, pace.dragMemory)
    }

    var pace: EditPace {
        EditPace(
            pass: pass, decode: decode, fineTuningStep: fineTuningStep, dragStep: dragStep,
            fineTuningMemory: fineTuningMemory, dragMemory: dragMemory)
    }
}
