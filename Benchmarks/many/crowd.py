"""Clients that come, stay, and go together."""
import multiprocessing
import socket
import time

# One address has some 28,000 ports for its clients, and one process 20,000 descriptors or so.
MOST_OF_ONE = 12_500
IP_BIND_ADDRESS_NO_PORT = 24  # ip(7): the port is chosen at connect, so that one of the last minute's is no obstacle


def stay(source, port, orders, answers):
    """Connects as many as each order says, and closes all at the order 0."""
    clients = []
    while count := orders.get():
        begin = time.monotonic()
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((source, 0))
            client.connect(('127.0.0.1', port))
            clients.append(client)
        answers.put(time.monotonic() - begin)
    for client in clients:
        client.close()
    answers.put(0)


class Crowd:
    def __init__(self, port, most):
        self.members, self.place = [], 0
        for number in range((most + MOST_OF_ONE - 1) // MOST_OF_ONE):
            orders, answers = multiprocessing.Queue(), multiprocessing.Queue()
            process = multiprocessing.Process(
                target=stay, args=(f'127.0.0.{10 + number}', port, orders, answers), daemon=True)
            process.start()
            self.members.append([process, orders, answers, 0])

    def connect(self, count):
        member = next(member for member in self.members if member[3] + count <= MOST_OF_ONE)
        member[3] += count
        member[1].put(count)
        member[2].get()

    def leave(self):
        for process, orders, answers, _ in self.members:
            orders.put(0)
            answers.get()
            process.join()
