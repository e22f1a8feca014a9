// SPDX-License-Identifier: GPL-2.0
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Soak SECONDS: threads that keep a collector busy with objects whose content is known, and look at it. Arrays follow from
 * a seed; a map's strings follow from their keys. What is replaced becomes garbage, young and old.
 */
public final class Soak {
	private static final int THREADS = 3;
	private static final int ARRAYS = 120;
	private static final int STRINGS = 5000;

	private static final AtomicLong checks = new AtomicLong();
	private static final AtomicLong errors = new AtomicLong();

	private Soak() {
	}

	private static void check(boolean good, String what) {
		checks.incrementAndGet();
		if (!good) {
			errors.incrementAndGet();
			System.out.println("error " + what);
		}
	}

	/** Numbers that a seed makes. */
	private static final class Numbers {
		private final long seed;
		private final long[] content;

		Numbers(long seed, int length) {
			this.seed = seed;
			content = new long[length];
			long value = seed;
			for (int i = 0; i < length; i++) {
				value = next(value);
				content[i] = value;
			}
		}

		private static long next(long value) {
			return value * 6364136223846793005L + 1442695040888963407L;
		}

		boolean good() {
			long value = seed;
			for (long found : content) {
				value = next(value);
				if (found != value)
					return false;
			}
			return true;
		}
	}

	private static String text(int key, int version) {
		return "value " + version + " of " + key;
	}

	/** One thread's own things. */
	private static final class Worker implements Runnable {
		private final int number;
		private final long seconds;
		private final Random random;
		private final Numbers[] arrays = new Numbers[ARRAYS];
		private final Map<Integer, String> strings = new HashMap<>();
		private final int[] versions = new int[STRINGS];

		Worker(int number, long seconds) {
			this.number = number;
			this.seconds = seconds;
			random = new Random(number);
		}

		private Numbers numbers() {
			return new Numbers(random.nextLong(), 1000 + random.nextInt(40000));
		}

		private void lookAtArray(int at) {
			check(arrays[at].good(), "array " + at + " of thread " + number);
		}

		private void lookAtString(int key) {
			check(text(key, versions[key]).equals(strings.get(key)), "string " + key + " of thread " + number);
		}

		private void round() {
			int at = random.nextInt(ARRAYS);
			lookAtArray(at);
			if (random.nextInt(3) == 0)
				arrays[at] = numbers();
			for (int i = 0; i < 50; i++) {
				int key = random.nextInt(STRINGS);
				lookAtString(key);
				strings.put(key, text(key, ++versions[key]));
			}
		}

		private void work() {
			for (int i = 0; i < ARRAYS; i++)
				arrays[i] = numbers();
			for (int key = 0; key < STRINGS; key++)
				strings.put(key, text(key, 0));
			long until = System.nanoTime() + seconds * 1_000_000_000L;
			do
				round();
			while (System.nanoTime() < until);
			for (int i = 0; i < ARRAYS; i++)
				lookAtArray(i);
			for (int key = 0; key < STRINGS; key++)
				lookAtString(key);
		}

		@Override
		public void run() {
			try {
				work();
			} catch (Throwable problem) {
				check(false, "thread " + number + ": " + problem);
			}
		}
	}

	public static void main(String[] arguments) throws InterruptedException {
		long seconds = Long.parseLong(arguments[0]);
		Thread[] threads = new Thread[THREADS];
		for (int i = 0; i < THREADS; i++) {
			threads[i] = new Thread(new Worker(i, seconds));
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
		System.out.println("checks " + checks);
		System.exit(errors.get() == 0 ? 0 : 1);
	}
}
