"""`python -m botorch_cll`."""

from botorch_cll.cli import main

if __name__ == "__main__":
    main()
