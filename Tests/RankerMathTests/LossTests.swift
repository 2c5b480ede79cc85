import RankerMath
import Testing

@Suite struct `Losses of one group` {
    func evaluate(
        _ loss: Loss, _ scores: [Float], _ labels: [Float], temperature: Double = 1
    ) -> (value: Double, gradient: [Float]) {
        var gradient = [Float](repeating: 0, count: scores.count)
        let value = loss.evaluate(
            scores: scores, labels: labels, count: scores.count, temperature: temperature,
            weight: 1, gradient: &gradient)
        return (value, gradient)
    }

    @Test func `equal scores and one positive of four cost log 4 in list KL`() {
        let (value, gradient) = evaluate(.listKL, [0.3, 0.3, 0.3, 0.3], [0, 1, 0, 0])
        #expect(abs(value - 1.386294361119891) < 1e-12)
        #expect(gradient == [0.25, -0.75, 0.25, 0.25])
    }

    @Test func `a score of zero costs log 2 in point BCE`() {
        let (value, gradient) = evaluate(.pointBCE, [0, 0], [1, 0])
        #expect(abs(value - 0.6931471805599453) < 1e-12)
        #expect(gradient == [-0.25, 0.25])
    }

    @Test func `list KL shares the labels out: one to three against equal scores, by hand`() {
        // p = 1/4, 3/4; q = 1/2, 1/2; p1 log(p1/q1) + p2 log(p2/q2)
        let (value, gradient) = evaluate(.listKL, [0.5, 0.5], [1, 3], temperature: 2)
        #expect(abs(value - 0.13081203594113694) < 1e-12)
        #expect(gradient == [0.5, -0.5])
    }

    @Test func `a preference is a mean over its pairs: one of two right by log 3, by hand`() {
        // Candidate 0 is preferred to 1 and to 2; margins log 3 and 0: (log(4/3) + log 2) / 2.
        let scores: [Float] = [1.0986123, 0, 1.0986123]
        let (value, gradient) = evaluate(.pairPreference, scores, [1, 0, 0])
        #expect(abs(value - 0.4904146265058631) < 1e-7)
        for (found, expected) in zip(gradient, [-0.375, 0.125, 0.25] as [Float]) {
            #expect(abs(found - expected) < 1e-6)
        }
    }

    @Test func `squares are means over the candidates`() {
        #expect(evaluate(.listMSE, [1, 3], [0, 5]).value == 2.5)
        #expect(evaluate(.pointMSE, [1, 3], [0, 5]).gradient == [1, -2])
    }

    @Test(arguments: [Loss.listKL, .pairPreference])
    func `a constant added to all scores changes nothing`(loss: Loss) {
        let a = evaluate(loss, [0.25, -0.5, 0.75], [1, 0, 1], temperature: 5)
        let b = evaluate(loss, [2.25, 1.5, 2.75], [1, 0, 1], temperature: 5)
        #expect(abs(a.value - b.value) < 1e-12)
        for (x, y) in zip(a.gradient, b.gradient) { #expect(abs(x - y) < 1e-6) }
    }

    @Test(arguments: Loss.allCases, [1.0, 10.0])
    func `the gradient agrees with central differences`(loss: Loss, temperature: Double) {
        // Steps of 2^-10 are exact in float32 beside these scores; the loss itself is in Double.
        let scores: [Float] = [0.5, -0.25, 0.125, -0.75]
        let labels: [Float] = [1, 0, 0, 1]
        let gradient = evaluate(loss, scores, labels, temperature: temperature).gradient
        for i in scores.indices {
            var (up, down) = (scores, scores)
            up[i] += 0x1p-10
            down[i] -= 0x1p-10
            let slope =
                (evaluate(loss, up, labels, temperature: temperature).value
                    - evaluate(loss, down, labels, temperature: temperature).value) * 0x1p9
            #expect(abs(slope - Double(gradient[i])) < 1e-3)
        }
    }

    @Test func `without a preference the pairwise loss is zero`() {
        let (value, gradient) = evaluate(.pairPreference, [1, 2], [1, 1])
        #expect(value == 0)
        #expect(gradient == [0, 0])
    }
}
