/// What the handler does wrong.
enum Fault: String {
    case none

    case acknowledgesBeforeRegister, namesAnotherService, registersVersion2, inheritsChannel, childKeepsChannel
    case namesAnotherServiceByHand

    case neverAcknowledges, acknowledgesLate, acknowledgesAnother, acknowledgesFewOfMany, givesBack
    case doneTwice, neverDone, doneOfAnother, closesWithoutShutdown, doneBeforeClose
    case answersAnother, servesFewAtOnce

    case neverPongs, pongsWithoutID, silentWhileHolding, silentWhileBusy, pongsOnceForTwo

    case forgetsDrained, chokesOnProxyTail, chokesOnLongName, refusesSentBefore

    case acknowledgesWithoutDescriptor, ignoresTruncation, diesOfShortage, takesFirstOfTwo, keepsSurplus

    case ignoresDrain, failsAfterDrain, cutsWhenDrained, silentWhenDrained, diesOfSecondDrain, dropsCrossing

    case outlivesChannel, cutsAtEnd, triesForEver, hangsWhenRejected, ignoresTerminate

    case blocksOnFullChannel, losesOnFullChannel

    case diesOfWrongLength, trustsBatons, diesOfLongPing, diesOfSecondWelcome

    case passesAnother, passesNothing, passesWithoutDescriptor, readsWhatItPassed, shutsDownPassed, donePassed
    case keepsPassed, forgetsRefused
}
