"""What does a trader see, and how do they act? Read models out, requests to the desk in."""
