"""The drivers, by the name that `--client` takes; each is loaded when it is asked for."""

from importlib import import_module

DRIVERS = {
    "kcat": "kcat_driver.KcatClient",
    "confluent-kafka": "confluent_driver.ConfluentClient",
    "kafka-python": "kafka_python_driver.KafkaPythonClient",
    "aiokafka": "aiokafka_driver.AiokafkaClient",
}


def load(name: str):
    """The driver's class. Raises ImportError where its package is missing."""
    module, kind = DRIVERS[name].split(".")
    return getattr(import_module(f"{__name__}.{module}"), kind)
