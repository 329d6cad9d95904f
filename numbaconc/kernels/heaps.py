"""The least numbers so far, in a max-heap: its first entry is the largest of them."""

from numbaconc.kernels.compiling import helper


@helper
def sift(heap, value):
    """Replace the largest entry of a max-heap by `value`."""
    k = heap.shape[0]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= k:
            break
        if child + 1 < k and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
